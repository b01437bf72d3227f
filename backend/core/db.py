"""The database: engine, transactions and the tenant of a transaction. Tables live with their domains."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Computed,
    DateTime,
    Dialect,
    ForeignKey,
    MetaData,
    PoolProxiedConnection,
    Table,
    Text,
    TypeDecorator,
    event,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.functions import now as sql_now

from backend.core.settings import Settings

_TRUSTED_SECONDS = 1.0
"""A connection that answered so shortly ago is not asked whether it still does: asking takes three round trips."""
_ANSWERED_AT = "answered_at"


class Base(DeclarativeBase):
    """The declarative base of every table."""

    __table__: ClassVar[Table]
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger}  # noqa: RUF012  # SQLAlchemy's own protocol


class EnumText(TypeDecorator[StrEnum]):
    """A `StrEnum` kept as text: a new member needs no migration of a type."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text of a member."""
        del dialect
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return the member of a text."""
        del dialect
        return None if value is None else self.enum(value)


def created_at_column() -> Mapped[Any]:
    """Return a column that holds when the row was written, by the database's clock."""
    return mapped_column(DateTime(timezone=True), server_default=sql_now())


def org_id_column() -> Mapped[int]:
    """Return the column that row-level security compares with the transaction's organisation."""
    return mapped_column(ForeignKey("organisations.id"))


def name_order_column() -> Mapped[str]:
    """Return a column by which names are listed: numbers by their value, whatever case and accents."""
    return mapped_column(Text, Computed("dms_name_order(name)", persisted=True))


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose rows a transaction sees: one organisation's, and what belongs to one user in any."""

    org_id: int
    user_id: int | None = None


class Database:
    """An engine and its transactions. One per process and event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False, autoflush=False)

    @classmethod
    def connect(cls, settings: Settings) -> "Database":
        """Return a database whose pool opens connections as they are needed.

        Without prepared statements (PgBouncer before 1.21) only unnamed ones are used.
        """
        arguments: dict[str, Any] = {"server_settings": {"application_name": "dms"}, "timeout": 10}
        if not settings.database_prepared_statements:
            arguments |= {
                "statement_cache_size": 0,
                "prepared_statement_cache_size": 0,
                "prepared_statement_name_func": lambda: "",
            }
        engine = create_async_engine(
            str(settings.database_url),
            pool_size=settings.database_pool_size,
            max_overflow=settings.database_pool_size,
            pool_timeout=15,
            connect_args=arguments,
        )
        _ask_idle_connections(engine)
        return cls(engine)

    @asynccontextmanager
    async def transaction(self, tenant: Tenant | None = None) -> AsyncIterator[AsyncSession]:
        """Open a session, commit when the block ends, roll back when it raises."""
        async with self._sessions() as session, session.begin():
            if tenant is not None:
                await set_tenant(session, tenant)
            yield session

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()


def _ask_idle_connections(engine: AsyncEngine) -> None:
    """Hand no connection out of the pool that has ended: ask those that were idle, and look at the others."""
    dialect = engine.sync_engine.dialect

    def note(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_ANSWERED_AT] = time.monotonic()

    def ask(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection
    ) -> None:
        answered_at = entry.info.setdefault(_ANSWERED_AT, time.monotonic())
        if dialect.get_driver_connection(connection).is_closed():
            raise InvalidatePoolError
        if time.monotonic() - answered_at < _TRUSTED_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            if not dialect.is_disconnect(error, connection, None):
                raise
            raise InvalidatePoolError from error

    event.listen(engine.sync_engine, "checkin", note)
    event.listen(engine.sync_engine, "checkout", ask)


# Built once: every transaction begins with it.
_BIND = text("SELECT set_config('dms.org_id', :org, true), set_config('dms.user_id', :user, true)")


async def set_tenant(session: AsyncSession, tenant: Tenant) -> None:
    """Bind the rest of the transaction to a tenant; row-level security admits no other's rows."""
    user = "" if tenant.user_id is None else str(tenant.user_id)
    await session.execute(_BIND, {"org": str(tenant.org_id), "user": user})
