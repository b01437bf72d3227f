"""Commands beside a running `dms up` find its database where it keeps it: nobody has to copy addresses."""

import os

from backend.core.settings import Settings
from backend.launch.layout import DataDirectory
from backend.launch.postgres import EmbeddedPostgres, Role


def use_database() -> None:
    """Set the addresses of the embedded database for this process, if the data directory has one."""
    directory = Settings().data_dir
    if not (directory / "postgres").is_dir():
        return
    server = EmbeddedPostgres(DataDirectory.at(directory))
    os.environ["DMS_DATABASE_URL"] = server.url(Role.APP)
    os.environ.setdefault("DMS_DATABASE_OWNER_URL", server.url(Role.OWNER))
