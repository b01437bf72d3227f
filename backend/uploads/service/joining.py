"""A final upload is joined of its parts: their content passes once more through scanner and store, as one.

The digest of the whole and the scan of the whole cannot be put together of those of parts; nor can frames that were
sealed under several keys become one blob.
"""

from collections.abc import AsyncIterator, Sequence

from backend.content.errors import VirusFoundError
from backend.content.resumable import drop, growing
from backend.core.errors import NotFoundError
from backend.documents.service import holders
from backend.identity.models import store_namespace
from backend.uploads import queries
from backend.uploads.errors import UploadUnfinishedError
from backend.uploads.models import Upload, UploadKind, UploadStatus
from backend.uploads.service.creating import NewUpload, create
from backend.uploads.service.receiving import (
    Place,
    Reached,
    find_received,
    record,
    record_refusal,
)


async def join(place: Place, new: NewUpload) -> Reached:
    """Make one document of parts that have all their bytes; joined once, it is told again.

    Raises:
        NotFoundError: a part is not there, is somebody else's, or is no part.
        UploadUnfinishedError: a part lacks bytes.
        What creating and completing an upload raises.
    """
    async with place.units.begin() as (session, actor):
        done = await queries.joined(session, actor.user_id, new.parts)
        if done is not None:
            shown = await holders.load_upload(session, actor, done.document_id)
            return Reached(done, done.received, shown)
        found = await queries.own_many(session, actor.user_id, new.parts)
    parts = [await _whole(place, found.get(part), part) for part in new.parts]
    async with place.units.begin() as (session, actor):
        final = await create(session, actor, new, lifetime=place.lifetime)
    try:
        namespace = store_namespace(final.org_id)
        async with place.content.receive(_content(place, parts), namespace=namespace) as received:
            reached = await record(place, final, received)
    except BaseException as error:
        async with place.units.begin() as (session, actor):
            await queries.remove(session, [final.id])
            if isinstance(error, VirusFoundError):
                await record_refusal(session, actor, error, final)
        raise
    async with place.units.begin() as (session, _):
        await queries.remove(session, [part.id for part in parts])
    for part in parts:
        await drop(place.content, namespace=namespace, name=part.id)
    return reached


async def _whole(place: Place, part: Upload | None, upload_id: str) -> Upload:
    if part is None or part.kind is not UploadKind.PARTIAL:
        raise NotFoundError(f"There is no partial upload {upload_id}, or it is not yours.")
    received = part.received
    if received != part.length:
        # Killed before it could note the last bytes; whoever asked was told that they are there.
        received = await find_received(place.content, part)
    if part.status is not UploadStatus.RECEIVING or received != part.length:
        raise UploadUnfinishedError(f"The partial upload {upload_id} lacks bytes.", part=upload_id)
    return part


async def _content(place: Place, parts: Sequence[Upload]) -> AsyncIterator[bytes]:
    for part in parts:
        if part.length:
            async with growing(
                place.content,
                place.progress.remembered,
                namespace=store_namespace(part.org_id),
                name=part.id,
                create=False,
                examine=False,
            ) as draft:
                async for chunk in draft.chunks():
                    yield chunk
