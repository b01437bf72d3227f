"""Repair: a blob that is missing or damaged is replaced by a good copy, wrong sizes by those of the sealed content."""

from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.core.pace import Pace
from backend.documents import service as documents
from backend.identity.models import store_namespace
from backend.verification.models import CheckMode, Fault
from backend.verification.service.examining import examine
from backend.verification.service.faults import Finding
from storage import BlobNotFoundError, BlobStore, StoreError


async def mend(
    database: Database,
    content: Content,
    finding: Finding,
    blob_id: int,
    source: BlobStore,
    pace: Pace,
) -> Finding:
    """Return the finding as repaired, or with the reason why it could not be.

    Raises:
        StoppedError: the check shall stop.
        StoreUnavailableError: the store itself does not answer.
    """
    namespace = store_namespace(finding.org_id)
    async with database.transaction(Tenant(finding.org_id)) as session:
        # Held until the copy is in place: what is being collected must not come back.
        blob = (await documents.hold_blobs(session, [blob_id])).get(blob_id)
        if blob is None:
            return finding
        if finding.fault.is_damage:
            try:
                await content.run(content.store.restore, namespace, blob.digest, source)
            except BlobNotFoundError:
                return finding.unmended("the other store does not have it")
            except StoreError as error:
                return finding.unmended(f"not restored: {error}")
        left = await content.run(
            examine, content.store, namespace, blob, mode=CheckMode.FULL, pace=pace
        )
        if left is not None and left.fault is not Fault.SIZE:
            return finding.unmended(f"not whole after it was restored: {left.detail}")
        if left is not None:
            stat = await content.run(content.store.stat, namespace, blob.digest)
            await documents.correct_sizes(
                session, blob.id, size=stat.size, stored_size=stat.stored_size
            )
    return finding.mended(
        "restored from the other store" if finding.fault.is_damage else "corrected"
    )
