"""Puts the subcommands together."""

import typer

from backend.cli import checks, server, up

app = typer.Typer(
    name="dms",
    help="DMS Enterprise: document management.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("migrate")(server.migrate)
app.command("init")(server.init)
app.command("relay")(server.relay)
app.command("openapi")(server.openapi)
app.command("fsck")(checks.fsck)
