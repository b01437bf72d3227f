"""Leases: who works on something says so again and again, so that others know when it has died."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Tenant
from worker.runtime import Runtime

log = structlog.get_logger(__name__)


@asynccontextmanager
async def renewing(
    runtime: Runtime,
    tenant: Tenant,
    renew: Callable[[AsyncSession], Awaitable[None]],
    *,
    lease: timedelta,
) -> AsyncIterator[None]:
    """Have a lease renewed for as long as the block runs, three times as often as it must be."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(lease.total_seconds() / 3)
            try:
                async with runtime.database.transaction(tenant) as session:
                    await renew(session)
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                log.warning("lease_not_renewed", org_id=tenant.org_id, error=type(error).__name__)

    renewal = asyncio.create_task(keep())
    try:
        yield
    finally:
        renewal.cancel()
