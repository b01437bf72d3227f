"""Puts the subcommands together. Each one's module is imported when it is called, and no other.

Six processes of a starting service are subcommands: each would else load the whole backend first, and together they
would need longer for that than for all the rest.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from backend.core.encryption_key import EncryptionKeyError

COMMANDS = {
    "up": "backend.cli.up:up",
    "prepare": "backend.cli.server:prepare",
    "migrate": "backend.cli.server:migrate",
    "init": "backend.cli.server:init",
    "relay": "backend.cli.relay:relay",
    "smtp": "backend.cli.smtp:smtp",
    "openapi": "backend.cli.openapi:openapi",
    "fsck": "backend.cli.checks:fsck",
    "scan": "backend.cli.scanning:scan",
    "import": "backend.cli.imports:import_directory",
    "gc": "backend.cli.collection:gc",
    "keys": "backend.cli.keys:keys",
    "storage": "backend.cli.storage:storage",
    "organisation": "backend.cli.organisations:organisations",
    "audit": "backend.cli.audit:audit",
}
"""Where each subcommand is: its module, and the function or the group of further subcommands."""

_EXIT_NO_KEY = 3


class _Subcommands(TyperGroup):
    """The subcommands of `COMMANDS`. (Typer's own copy of Click, whose types these are, is private.)"""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's interface
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Click's interface
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(cmd_name)(found)
        return typer.main.get_command(single)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand; without the key to the store it ends with the reason alone."""
        try:
            return super().invoke(ctx)
        except EncryptionKeyError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(_EXIT_NO_KEY) from None


app = typer.Typer(
    name="dms", cls=_Subcommands, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def _describe() -> None:
    """DMS Enterprise: document management."""
