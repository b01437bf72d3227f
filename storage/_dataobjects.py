"""Data objects and the intents that guard them, so that what a crash leaves can be found.

An intent is a small object named like a data object: "this one may have lost, or never got, the
name it is for". It is written before that can become true, and removed when it no longer can be.
"""

from datetime import UTC, datetime, timedelta

from storage._bucket import Bucket, Fetched, ObjectNotFoundError
from storage._errors import UnsupportedVersionError
from storage._format import DIGEST_SIZE
from storage._nameobject import (
    INTENTS,
    NAME_OBJECT_SIZE,
    NameObject,
    blob_key,
    data_key,
    guarded_by,
    intent_key,
    parse_name_object,
)


def as_name(found: Fetched) -> NameObject | None:
    """What a fetched name object says; ``None`` if it is a small blob, or nothing sensible."""
    if found.size != NAME_OBJECT_SIZE:
        return None
    return parse_name_object(bytes(found.data[:NAME_OBJECT_SIZE]))


def named_data(bucket: Bucket, namespace: str, digest: bytes) -> bytes | None:
    """The id of the data object that a name refers to, if it is the name of a large blob.

    Raises ``UnsupportedVersionError``.
    """
    try:
        name = as_name(bucket.get(blob_key(namespace, digest), 0, NAME_OBJECT_SIZE))
    except ObjectNotFoundError:
        return None
    return name.data_id if name else None


def intend(bucket: Bucket, namespace: str, data_id: bytes, digest: bytes) -> None:
    """Note that this data object may come to have no name."""
    bucket.put(intent_key(namespace, data_id), digest)


def clear(bucket: Bucket, namespace: str, data_id: bytes) -> None:
    """Remove a data object that has no name, and then its intent."""
    bucket.delete(data_key(namespace, data_id))
    forget(bucket, namespace, data_id)


def forget(bucket: Bucket, namespace: str, data_id: bytes) -> None:
    """Remove the intent of a data object whose state is settled."""
    bucket.delete(intent_key(namespace, data_id))


def sweep(bucket: Bucket, *, older_than: float) -> int:
    """Settle the intents of this age, in seconds, and more; how many data objects had no name."""
    latest = datetime.now(UTC) - timedelta(seconds=older_than)
    return sum(
        _settle(bucket, intent.key)
        for intent in bucket.objects(INTENTS)
        if intent.modified <= latest
    )


def _settle(bucket: Bucket, key: str) -> bool:
    guarded = guarded_by(key)
    if guarded is None:
        return False
    namespace, data_id = guarded
    try:
        digest = bytes(bucket.get(key, 0, DIGEST_SIZE).data)
        abandoned = named_data(bucket, namespace, digest) != data_id
    except (ObjectNotFoundError, UnsupportedVersionError):
        return False  # its owner, or another sweep, was faster; or it is a newer program's
    (clear if abandoned else forget)(bucket, namespace, data_id)
    return abandoned
