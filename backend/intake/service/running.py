"""One look at a source, whatever its kind."""

from pathlib import PurePosixPath

import structlog

from backend.core.db import Tenant
from backend.core.errors import DomainError
from backend.core.settings import Settings
from backend.identity.sealing import SealBrokenError, Sealer
from backend.intake.models import Source, SourceKind
from backend.intake.permitted import allowed_root, check_host
from backend.intake.service import looking
from backend.intake.service.collecting import account_of, collect
from backend.intake.service.filing import UNFORESEEN, Desk
from backend.intake.service.looking import Looked
from backend.intake.service.watching import watch

log = structlog.get_logger(__name__)


async def run(desk: Desk, source: Source, *, settings: Settings, sealer: Sealer) -> None:
    """Look at a source whose lease was taken, file what it brings, and give it back.

    Whatever else goes wrong is raised, and its administrators are told that something did.
    """
    try:
        async with desk.database.transaction(Tenant(source.org_id)) as session:
            objection = await looking.why_not(session, source)
        if objection is not None:
            looked = Looked(error=objection)
        else:
            looked = await _look(desk, source, settings, sealer)
    except Exception:
        await _finish(desk, source, Looked(error=UNFORESEEN))
        raise
    await _finish(desk, source, looked)


async def _finish(desk: Desk, source: Source, looked: Looked) -> None:
    log.info(
        "source_looked_at",
        source_id=source.id,
        filed=looked.filed,
        refused=looked.refused,
        error=looked.error,
    )
    async with desk.database.transaction(Tenant(source.org_id)) as session:
        await looking.finish(session, source, looked)


async def _look(desk: Desk, source: Source, settings: Settings, sealer: Sealer) -> Looked:
    try:
        if source.kind is SourceKind.MAILBOX:
            check_host(settings, source.settings["host"])
            return await collect(desk, source, account_of(source, sealer))
        root: PurePosixPath = allowed_root(settings, source.org_id, source.settings["directory"])
        return await watch(desk, source, root)
    except SealBrokenError:
        return Looked(error="The password cannot be opened any more; give it again.")
    except DomainError as error:
        return Looked(error=error.detail)
