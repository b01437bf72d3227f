"""Moving a whole store into another, while both are in use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

from storage._errors import StoreError, StoreFullError, StoreUnavailableError
from storage._store import BlobStore

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one blob: its bytes in the store, 0 if it was there already; or an error."""

    namespace: str
    digest: bytes
    copied: int
    error: StoreError | None = None


def migrate(source: BlobStore, target: BlobStore, *, parallel: int = 4) -> Iterator[Migrated]:
    """Copy every blob that the target lacks, ``parallel`` at a time; each is verified once copied.

    Sealed bytes are copied. What the target has is passed over, so that a run cut short is
    continued by the next. A blob that the source cannot give is told with its error, and the
    others are copied. Raises ``StoreFullError`` and ``StoreUnavailableError``.
    """
    with ThreadPoolExecutor(parallel, thread_name_prefix="store-migrate") as executor:
        for namespace in source.namespaces():
            missing = _without(source.digests(namespace), target.digests(namespace))
            while batch := list(islice(missing, _BATCH)):
                yield from executor.map(partial(_copy, source, target, namespace), batch)


def _without(wanted: Iterator[bytes], present: Iterator[bytes]) -> Iterator[bytes]:
    """What only the first has; both ascend. (Were they not to, too much would be tried, no less.)"""
    there = next(present, None)
    for digest in wanted:
        while there is not None and there < digest:
            there = next(present, None)
        if there != digest:
            yield digest


def _copy(source: BlobStore, target: BlobStore, namespace: str, digest: bytes) -> Migrated:
    try:
        blob = target.take_over(namespace, digest, source)
    except (StoreFullError, StoreUnavailableError):
        raise
    except StoreError as error:
        return Migrated(namespace, digest, 0, error)
    return Migrated(namespace, digest, blob.stored_size if blob else 0)
