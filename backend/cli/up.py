"""`dms up`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from backend.core.settings import Settings
from backend.launch.up import up as run


def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept (DMS_DATA_DIR; default ./data).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port people open (DMS_PORT; 8000).")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="The address to listen on (DMS_HOST; 127.0.0.1: this machine alone)."),
    ] = None,
) -> None:
    """Run everything on this machine: servers, migrations, backend, workers, scheduler. Ctrl-C stops it all.

    PostgreSQL and Valkey come along, unless DMS_DATABASE_URL and DMS_REDIS_URL give the addresses of others.
    """
    given: dict[str, Any] = {"data_dir": data_dir, "port": port, "host": host}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    raise typer.Exit(run(settings))
