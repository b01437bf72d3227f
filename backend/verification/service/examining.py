"""Looking at blobs in the store. Plain functions: they run in a thread, and know no database."""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from backend.core.pace import Pace, StoppedError
from backend.documents.service import StoredBlob
from backend.verification.models import CheckMode, Fault
from backend.verification.service.sampling import Sample
from storage import (
    BlobDamagedError,
    BlobNotFoundError,
    BlobReader,
    BlobStore,
    StoreUnavailableError,
    UnsupportedVersionError,
    WrongKeyError,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """How closely a check looks, and at which blobs."""

    mode: CheckMode
    sample: Sample | None = None

    def opens(self, digest: bytes) -> bool:
        """Whether the blob is opened, or only looked up in the listing."""
        return self.sample is None or self.sample.includes(digest)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What seems wrong with a blob."""

    blob: StoredBlob
    fault: Fault
    detail: str


@dataclass(slots=True)
class Examination:
    """What came of looking at a lot of blobs."""

    done: int = 0
    """How many of them, from the first on, were looked at."""
    opened: set[bytes] = field(default_factory=set)
    read_bytes: int = 0
    suspicions: list[Suspicion] = field(default_factory=list)


class Listing:
    """The digests and stored sizes of a namespace, ascending, taken in turns; one shard in memory at a time."""

    def __init__(self, entries: Iterator[tuple[bytes, int]]) -> None:
        self._entries = entries
        self._ahead: deque[tuple[bytes, int]] = deque(islice(entries, 1))

    def take(self, upto: bytes, limit: int) -> dict[bytes, int]:
        """Return the next entries up to a digest, at most `limit`."""
        taken: dict[bytes, int] = {}
        while self._ahead and self._ahead[0][0] <= upto and len(taken) < limit:
            digest, size = self._ahead.popleft()
            taken[digest] = size
            if not self._ahead:
                self._ahead.extend(islice(self._entries, 1))
        return taken

    def put_back(self, entries: Mapping[bytes, int]) -> None:
        """Have entries that were taken, in their order, taken once more."""
        self._ahead.extendleft(reversed(list(entries.items())))


def examine_lot(
    store: BlobStore,
    namespace: str,
    blobs: Sequence[StoredBlob],
    listed: Mapping[bytes, int],
    *,
    scope: Scope,
    pace: Pace,
    seconds: float,
) -> Examination:
    """Look at blobs one after the other until the time is up, or the pace says that it is over.

    Unless it shall stop at once, at least one is looked at: every turn gets on, however little time it has.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    result = Examination()
    until = time.monotonic() + seconds
    for blob in blobs:
        if result.done and (pace.is_over or time.monotonic() >= until):
            break
        opens = scope.opens(blob.digest)
        try:
            if opens:
                suspicion = examine(store, namespace, blob, mode=scope.mode, pace=pace)
            else:
                suspicion = _compare(blob, listed.get(blob.digest))
        except StoppedError:
            break
        result.done += 1
        if opens:
            result.opened.add(blob.digest)
            if scope.mode is CheckMode.FULL:
                result.read_bytes += blob.stored_size
                pace.count(blob.stored_size)
        if suspicion is not None:
            result.suspicions.append(suspicion)
    return result


def examine(
    store: BlobStore, namespace: str, blob: StoredBlob, *, mode: CheckMode, pace: Pace
) -> Suspicion | None:
    """Open a blob, and read all of it where the mode says so; return what seems wrong with it.

    Raises:
        StoppedError: the check shall stop.
        StoreUnavailableError: the store as a whole does not answer.
    """
    try:
        with store.open(namespace, blob.digest) as reader:
            if mode is CheckMode.FULL:
                _read(reader, pace)
            size, stored_size = reader.size, reader.stored_size
    except BlobNotFoundError:
        return Suspicion(blob, Fault.MISSING, "the store does not have it")
    except BlobDamagedError as error:
        return Suspicion(blob, Fault.DAMAGED, str(error))
    except (WrongKeyError, UnsupportedVersionError) as error:
        return Suspicion(blob, Fault.UNREADABLE, str(error))
    except StoreUnavailableError as error:
        # One file that the system refuses is a fault of that blob. If even this fails, nothing can be checked.
        store.namespaces()
        return Suspicion(blob, Fault.UNREADABLE, str(error))
    if (size, stored_size) == (blob.size, blob.stored_size):
        return None
    return Suspicion(blob, Fault.SIZE, _sizes(blob, size, stored_size))


def _read(reader: BlobReader, pace: Pace) -> None:
    """Read a whole blob. What is spent are stored bytes: in proportion on the way, exactly in the end."""
    spent = 0

    def progress(content: int) -> None:
        nonlocal spent
        part = content * reader.stored_size // max(reader.size, 1)
        spent += part
        pace.spend(part)

    reader.verify(progress)
    pace.spend(max(reader.stored_size - spent, 0))


def _compare(blob: StoredBlob, stored_size: int | None) -> Suspicion | None:
    if stored_size is None:
        return Suspicion(blob, Fault.MISSING, "the store does not have it")
    if stored_size != blob.stored_size:
        return Suspicion(blob, Fault.SIZE, _sizes(blob, blob.size, stored_size))
    return None


def _sizes(blob: StoredBlob, size: int, stored_size: int) -> str:
    return (
        f"the store has {size} bytes in {stored_size}, "
        f"the database says {blob.size} in {blob.stored_size}"
    )
