"""Recording what is done at the command line: in the trail of every organisation that it concerns."""

import asyncio
import getpass
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.audit.service import Deed, record
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.identity.service import organisation_ids


def operator() -> str:
    """Return who runs the command, as the operating system knows it: `root@archive1`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"  # a user id without a name, as containers have
    return f"{name}@{socket.gethostname()}"


async def record_act(
    database: Database,
    action: str,
    subject: str,
    data: Mapping[str, Any],
    *,
    org_ids: Sequence[int] | None = None,
) -> None:
    """Record an act of the operator, who is no user: for these organisations, or for all."""
    if org_ids is None:
        async with database.transaction() as session:
            org_ids = await organisation_ids(session)
    for org_id in org_ids:
        deed = Deed(action, subject, {**data, "operator": operator()})
        async with database.transaction(Tenant(org_id)) as session:
            await record(session, [deed], org_id=org_id, actor_id=None)


def record_act_of_files(
    settings: Settings, action: str, subject: str, data: Mapping[str, Any]
) -> None:
    """Record an act that needs no database, and that no absence of one may keep from being done.

    Where the database is away this is said, and the act is not in the trail.
    """

    async def run() -> None:
        database = Database.connect(settings)
        try:
            await record_act(database, action, subject, data)
        finally:
            await database.close()

    try:
        asyncio.run(run())
    except (DBAPIError, PoolTimeoutError, OSError):
        typer.echo(
            f"The database is away: that this was done ({action}) is not in the audit trail.",
            err=True,
        )
