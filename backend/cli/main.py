"""Puts the subcommands together. Each one's module is imported when it is called, and no other.

Six processes of a starting service are subcommands: each would else load the whole backend first, and together they
would need longer for that than for all the rest.
"""

import os
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

_WITHOUT_DATABASE = ("up", "openapi")
_EXIT_NO_KEY = 3
_EXIT_UNREACHABLE = 4


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
        """Run the subcommand; without the key to the store, or the database, it ends with the reason alone."""
        try:
            return super().invoke(ctx)
        except EncryptionKeyError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(_EXIT_NO_KEY) from None
        except ConnectionError as error:
            raise _unreachable(f"What this needs cannot be reached: {error}") from None
        except FileNotFoundError:
            if not import_module("backend.cli.embedded").is_database_stopped():
                raise
            raise _unreachable("The database of this data directory does not run") from None


def _unreachable(reason: str) -> typer.Exit:
    typer.echo(f"{reason}. Is the service running?", err=True)
    return typer.Exit(_EXIT_UNREACHABLE)


app = typer.Typer(
    name="dms", cls=_Subcommands, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def _begin(context: typer.Context) -> None:
    """DMS Enterprise: document management."""
    if context.invoked_subcommand in _WITHOUT_DATABASE or "DMS_DATABASE_URL" in os.environ:
        return
    import_module("backend.cli.embedded").use_database()
