"""Looking at ways in that are due, and the rules on the text of what they brought."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Tenant
from backend.intake import service as intake
from backend.intake.service import Desk
from worker.app import RETRIES, app
from worker.leases import renewing
from worker.runtime import Runtime

_RUN_SECONDS = 4 * 3_600
"""The largest file must be read at some ten megabytes a second."""


@app.task(name="intake.call_due", time_limit=60)
def call_due() -> None:
    """Have the sources that are due looked at, of all organisations."""
    runtime = Runtime.current()

    async def call() -> None:
        async with runtime.database.transaction() as session:
            org_ids = await intake.due_organisations(session)
        for org_id in org_ids:
            async with runtime.database.transaction(Tenant(org_id)) as session:
                await intake.call_due(session, org_id=org_id)

    runtime.run(call())


@app.task(name="intake.run", time_limit=_RUN_SECONDS, **RETRIES)
def run(org_id: int, source_id: int) -> None:
    """Look at a source, unless somebody does."""
    runtime = Runtime.current()
    runtime.run(look(runtime, org_id, source_id))


@app.task(name="intake.apply_text_rules", time_limit=300, **RETRIES)
def apply_text_rules(org_id: int, item_id: int) -> None:
    """Apply rules on the text of an item."""
    runtime = Runtime.current()

    async def apply() -> None:
        async with runtime.database.transaction(Tenant(org_id)) as session:
            await intake.apply_text_rules(session, item_id)

    runtime.run(apply())


async def look(runtime: Runtime, org_id: int, source_id: int) -> None:
    """Take the lease on a source, look at it, and give it back."""
    tenant = Tenant(org_id)
    async with runtime.database.transaction(tenant) as session:
        source = await intake.begin(session, source_id)
    if source is None:
        return

    async def renew(session: AsyncSession) -> None:
        await intake.renew(session, source)

    async with renewing(runtime, tenant, renew, lease=intake.LEASE):
        await intake.run(
            Desk(runtime.database, runtime.content),
            source,
            settings=runtime.settings,
            sealer=runtime.sealer,
        )
