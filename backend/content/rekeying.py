"""Bringing every blob of a namespace under its newest storage key, beside whoever reads and writes there.

Nothing is remembered between two runs: a blob that is under the newest key is only looked at. An older key may go once
a whole pass has found nothing to change and nothing it could not open. (A name given after the renewal is under the
newest key from the start, whoever gives it: see `storage`. So the second pass finds nothing, unless a listing is late.)
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from storage import (
    BlobDamagedError,
    BlobNotFoundError,
    BlobStore,
    Keyring,
    UnsupportedVersionError,
    WrongKeyError,
)

_BATCH = 64
_THREADS = 4


@dataclass(slots=True)
class Rekeyed:
    """What was done in a namespace."""

    namespace: str
    blobs: int = 0
    """Blobs there were, when it was last gone through."""
    changed: int = 0
    failed: dict[bytes, str] = field(default_factory=dict)
    """By digest: why a blob could not be brought under the newest key."""


class Pace:
    """Holds a run back to so many changes a second; 0 is without limit."""

    def __init__(self, rate: float, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._rate = rate
        self._sleep = sleep
        self._started = time.monotonic()
        self._done = 0

    def did(self, count: int) -> None:
        """Count changes, and wait until so many are due."""
        self._done += count
        ahead = self._done / self._rate - (time.monotonic() - self._started) if self._rate else 0
        if ahead > 0:
            self._sleep(ahead)


def rekey_namespace(store: BlobStore, keyring: Keyring, namespace: str, pace: Pace) -> Rekeyed:
    """Bring all blobs of a namespace under its newest key, and look again until there is nothing to change.

    If nothing failed then, no blob needs the keys there were before this began.

    Raises:
        WrongKeyError: the master key was rotated meanwhile.
        StoreError: the store or the keyring cannot be reached.
    """
    done = Rekeyed(namespace)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="rekey") as pool:
        while _pass(store, keyring, done, pace, pool):
            pass
    return done


def _pass(
    store: BlobStore, keyring: Keyring, done: Rekeyed, pace: Pace, pool: ThreadPoolExecutor
) -> bool:
    """Go through all blobs once; whether one was changed."""
    before = done.changed
    done.blobs = 0
    done.failed.clear()
    for batch in _batches(store.digests(done.namespace)):
        results = list(pool.map(partial(_rekey, store, keyring, done.namespace), batch))
        changed = sum(result is True for result in results)
        done.failed |= {
            digest: result
            for digest, result in zip(batch, results, strict=True)
            if isinstance(result, str)
        }
        done.blobs += len(batch)
        done.changed += changed
        pace.did(changed)
    return done.changed > before


def _rekey(store: BlobStore, keyring: Keyring, namespace: str, digest: bytes) -> bool | str:
    """Whether the blob was changed, or why it cannot be."""
    try:
        return store.rekey(namespace, digest)
    except BlobNotFoundError:
        return False  # deleted meanwhile
    except (BlobDamagedError, UnsupportedVersionError) as error:
        return str(error)
    except WrongKeyError as error:
        keyring.storage_key(
            namespace
        )  # raises if it is not this blob that is wrong, but our master key
        return str(error)


def _batches(digests: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(digests, _BATCH)):
        yield batch
