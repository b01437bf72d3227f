"""What an organisation takes in: how much, how large, and of which types. Asked on every way in.

How much there is, is not kept in a counter that every upload would write, and wait for: a count is taken now and then,
and what came since is added when it is asked for. So two uploads that end in the same moment may go beyond the quota
together, by less than the two; the next is refused.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePath

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.content.errors import UploadTooLargeError
from backend.content.service import Received
from backend.core.actor import Actor
from backend.documents import queries
from backend.documents.errors import FileTypeRefusedError, QuotaExceededError
from backend.documents.models import UploadLimits
from backend.documents.schemas import UploadLimitsIn, UploadLimitsOut


async def get_limits(session: AsyncSession, actor: Actor) -> UploadLimitsOut:
    """Return what the organisation takes in, and how much it has."""
    found = await queries.limits.limits(session, actor.org_id) or _none(actor.org_id)
    return UploadLimitsOut(
        quota=found.quota,
        largest=found.largest,
        allowed=found.allowed,
        refused=found.refused,
        used=await used_bytes(session, found),
    )


async def set_limits(session: AsyncSession, actor: Actor, limits: UploadLimitsIn) -> None:
    """Say what the organisation takes in from now on; what it has stays."""
    values = limits.model_dump()
    await queries.limits.put_limits(session, actor.org_id, values)
    await queries.limits.count_blobs(session)
    deed = Deed("organisation.upload_limits_changed", f"organisation:{actor.org_id}", values)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def count_usage(session: AsyncSession) -> None:
    """Count the organisation's bytes anew, where it has limits: little is to be added then."""
    await queries.limits.count_blobs(session)


async def used_bytes(session: AsyncSession, limits: UploadLimits) -> int:
    """Return the bytes of the organisation's content, each once."""
    return limits.counted + await queries.limits.bytes_since(session, limits.counted_upto)


async def check_announced(
    session: AsyncSession, actor: Actor, *, name: str, size: int | None
) -> None:
    """Refuse before the first byte what is refused by its name, or by its size where that is known.

    Raises:
        UploadTooLargeError, FileTypeRefusedError, QuotaExceededError: so it is.
    """
    limits = await queries.limits.limits(session, actor.org_id)
    if limits is None:
        return
    check_name(limits, name)
    if size is not None:
        check_size(limits, size)
        if limits.quota is not None:
            check_quota(limits, await used_bytes(session, limits), size)


async def check_received(
    session: AsyncSession, actor: Actor, received: Received, *, name: str, media_type: str
) -> None:
    """Refuse what came, by what it is. Content that is there already takes no more room.

    Raises:
        UploadTooLargeError, FileTypeRefusedError, QuotaExceededError: so it is.
    """
    limits = await queries.limits.limits(session, actor.org_id)
    if limits is None:
        return
    check_size(limits, received.size)
    _check_types(limits, {_extension(name), media_type}, media_type)
    if limits.quota is not None and not await queries.blobs.recorded_digests(
        session, [received.digest]
    ):
        check_quota(limits, await used_bytes(session, limits), received.size)


def check_size(limits: UploadLimits, size: int) -> None:
    """Refuse a file that is larger than files may be."""
    if limits.largest is not None and size > limits.largest:
        raise UploadTooLargeError(
            f"The file is larger than the {limits.largest} bytes a file may have here.",
            limit=limits.largest,
        )


def check_quota(limits: UploadLimits, used: int, size: int) -> None:
    """Refuse what would not fit."""
    if limits.quota is not None and used + size > limits.quota:
        raise QuotaExceededError(
            f"The organisation may store {limits.quota} bytes and has {used}; this file has {size}."
            " Ask an administrator for room.",
            quota=limits.quota,
            used=used,
        )


def check_name(limits: UploadLimits, name: str) -> None:
    """Refuse a file by its name, as far as that tells what it is."""
    extension = _extension(name)
    by_content = any("/" in kind for kind in limits.allowed)
    if _matches(extension, limits.refused) or (
        limits.allowed and not by_content and not _matches(extension, limits.allowed)
    ):
        raise _refused(extension or name)


def _check_types(limits: UploadLimits, kinds: set[str], media_type: str) -> None:
    refused = any(_matches(kind, limits.refused) for kind in kinds)
    allowed = not limits.allowed or any(_matches(kind, limits.allowed) for kind in kinds)
    if refused or not allowed:
        raise _refused(media_type)


def _refused(kind: str) -> FileTypeRefusedError:
    return FileTypeRefusedError(
        f"Files of this type ({kind}) are not taken here. Nothing was stored.", type=kind
    )


def _matches(kind: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


def _extension(name: str) -> str:
    return PurePath(name).suffix.lower()


def _none(org_id: int) -> UploadLimits:
    return UploadLimits(
        org_id=org_id, quota=None, largest=None, allowed=[], refused=[], counted=0, counted_upto=0
    )
