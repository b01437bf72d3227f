"""Commands beside a running `dms up` find its database where it keeps it: nobody has to copy addresses."""

import os

from backend.core.settings import Settings
from backend.launch.layout import DataDirectory
from backend.launch.postgres import EmbeddedPostgres, Role


def use_database() -> None:
    """Set the addresses of the embedded database for this process, if the data directory has one."""
    server = _embedded_server()
    if server is not None:
        os.environ["DMS_DATABASE_URL"] = server.url(Role.APP)
        os.environ.setdefault("DMS_DATABASE_OWNER_URL", server.url(Role.OWNER))


def is_database_stopped() -> bool:
    """Tell whether the data directory has an embedded database, and that does not run."""
    server = _embedded_server()
    return server is not None and not server.socket.exists()


def _embedded_server() -> EmbeddedPostgres | None:
    directory = Settings().data_dir
    if not (directory / "postgres").is_dir():
        return None
    return EmbeddedPostgres(DataDirectory.at(directory))
