"""Trying whether a source can be looked at, for whoever sets it up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from backend.core.errors import DomainError
from backend.core.settings import Settings
from backend.identity.sealing import SealBrokenError, Sealer
from backend.intake.errors import SourceUnreachableError
from backend.intake.models import Source, SourceKind
from backend.intake.permitted import allowed_root, check_address, check_host
from backend.intake.schemas import FolderSettings, MailboxSettings, SmtpSettings, SourceCheckOut
from backend.intake.service import collecting, watching

_SECONDS = 45.0
"""Within a minute, after which those in front of us give up."""
# Of its own: servers that do not answer must not keep the threads that everything else needs.
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="checking")


async def check(
    source: Source, *, objection: str | None, settings: Settings, sealer: Sealer
) -> SourceCheckOut:
    """Look at a source and say what a person needs to know; `objection` is why nothing could be filed."""
    try:
        found = await _look(source, settings, sealer)
    except (SourceUnreachableError, SealBrokenError) as error:
        return SourceCheckOut(ok=False, detail=_why(error))
    except DomainError as error:
        return SourceCheckOut(ok=False, detail=error.detail)
    if objection is not None:
        return SourceCheckOut(ok=False, detail=f"{found} But nothing could be filed: {objection}")
    return SourceCheckOut(ok=True, detail=found)


async def _look(source: Source, settings: Settings, sealer: Sealer) -> str:
    match source.kind:
        case SourceKind.FOLDER:
            asked = FolderSettings.model_validate(source.settings)
            root = allowed_root(settings, source.org_id, asked.directory)
            return await _in_time(partial(watching.look, asked, root))
        case SourceKind.MAILBOX:
            mailbox = MailboxSettings.model_validate(source.settings)
            check_host(settings, mailbox.host)
            account = collecting.account_of(source, sealer)
            return await _in_time(partial(collecting.look, account, mailbox))
        case SourceKind.SMTP:
            address = SmtpSettings.model_validate(source.settings).address
            check_address(settings, source.org_id, address)
            return f"Letters to {address} are taken."


async def _in_time(look: Callable[[], str]) -> str:
    looking = asyncio.get_running_loop().run_in_executor(_THREADS, look)
    try:
        return await asyncio.wait_for(looking, _SECONDS)
    except TimeoutError as error:
        raise SourceUnreachableError(
            f"There was no answer within {_SECONDS:.0f} seconds."
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, SealBrokenError):
        return "The password cannot be opened any more; give it again."
    return str(error)
