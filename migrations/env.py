"""Alembic's environment: migrations run as the owner, directly, never through PgBouncer."""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from backend.core.db import Base
from backend.core.settings import get_settings
from backend.folders.models import Ltree
from migrations.tables import MODELS

ischema_names["ltree"] = Ltree  # so that comparing models with the database understands the type


def _run(connection: Connection) -> None:
    assert MODELS  # noqa: S101  # imported for their tables
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        # A migration that cannot get its lock gives up instead of queueing every reader behind it.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = '30min'")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7312025)")
        context.run_migrations()


async def _run_online() -> None:
    settings = get_settings()
    engine = create_async_engine(
        str(settings.database_owner_url or settings.database_url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_run_online())
