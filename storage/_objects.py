"""The object storage backend: blobs as objects of an S3-compatible bucket.

A blob of up to a few MiB is one object. A larger one is a data object, sent while it was made,
and the small name object that refers to it: FORMAT.md says what they hold. There are no locks in
S3: processes that change, replace or remove blobs share a directory for them.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path

from storage._backend import PlanSlots
from storage._bucket import Bucket, Fetched, Listed, ObjectChangedError, ObjectNotFoundError
from storage._copying import copy_sealed
from storage._dataobjects import as_name, clear, intend, sweep
from storage._draftfiles import DraftDirectory
from storage._errors import (
    BlobDamagedError,
    BlobNotFoundError,
    StoreUnavailableError,
    UnsupportedVersionError,
)
from storage._format import HEADER_SIZE
from storage._local import FileSource
from storage._locks import LockDirectory
from storage._nameobject import (
    DATA_ID_SIZE,
    NAME_OBJECT_SIZE,
    blob_key,
    blobs_prefix,
    data_key,
    digest_of,
)
from storage._names import is_namespace, require_namespace
from storage._objectdraft import Limits, ObjectDraft
from storage._objectsource import FIRST, ObjectSource
from storage._osfiles import store_errors
from storage._slots import apply_change

_REQUESTS = 16
_BATCH = 500
_PROBE = bytes(4096)


class ObjectBackend:
    """Blobs in a bucket. Without ``locks``, nobody else may change them while this process does.

    Resumable drafts are files in ``drafts``, and are sent when they are whole. ``limits`` and ``random`` are for tests.
    """

    def __init__(
        self,
        bucket: Bucket,
        *,
        locks: LockDirectory | None = None,
        drafts: Path | None = None,
        limits: Limits | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._bucket = bucket
        self._locks = locks
        self._drafts = drafts
        self._limits = limits or Limits()
        self._random = random
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def draft(self, namespace: str) -> ObjectDraft:
        """Start a blob."""
        return ObjectDraft(
            self._bucket,
            namespace,
            self._limits,
            data_id=self._random(DATA_ID_SIZE),
            executor=self._requests,
        )

    def drafts(self, namespace: str) -> Path:
        """``<drafts>/<namespace>``, on a file system."""
        if self._drafts is None:
            raise StoreUnavailableError("this store was given no directory for unfinished uploads")
        return self._drafts / require_namespace(namespace)

    def adopt(self, namespace: str, path: Path, digest: bytes) -> ObjectDraft:
        """Send the file."""
        draft = self.draft(namespace)
        try:
            with (
                store_errors("reading a draft"),
                closing(FileSource(os.open(path, os.O_RDONLY | os.O_CLOEXEC), path)) as source,
            ):
                copy_sealed(source, draft, digest)
        except BaseException:
            draft.drop()
            raise
        return draft

    def open(self, namespace: str, digest: bytes) -> ObjectSource:
        """Open a blob: one request, which is all that a small one needs.

        Raises ``BlobNotFoundError``.
        """
        key = blob_key(namespace, digest)
        first = self._get(namespace, digest, FIRST)
        name = as_name(first)
        if name is None:
            size, head = first.size, first.data
            fetch = partial(self._fetch, key, first.tag, 0)
        else:
            size, head = HEADER_SIZE + name.length, memoryview(name.header)
            fetch = partial(self._fetch, data_key(namespace, name.data_id), None, HEADER_SIZE)
        return ObjectSource(
            size=size,
            head=head,
            fetch=fetch,
            is_current=partial(self._has_tag, key, first.tag),
            executor=self._requests,
        )

    def exists(self, namespace: str, digest: bytes) -> bool:
        """Whether the name is taken."""
        try:
            self._get(namespace, digest, 1)
        except BlobNotFoundError:
            return False
        return True

    def exclusive(self, namespace: str, digest: bytes) -> AbstractContextManager[None]:
        """Hold a blob against the others who share the directory of locks."""
        key = blob_key(namespace, digest)
        return nullcontext() if self._locks is None else self._locks.hold(key)

    def change_slots(self, namespace: str, digest: bytes, plan: PlanSlots) -> bool:
        """Replace the object that has the name by one with other slots, in one request."""
        found = bytes(self._get(namespace, digest, None).data)
        if len(found) < HEADER_SIZE:
            raise BlobDamagedError("file", "it is shorter than a header")
        header = found[:HEADER_SIZE]
        change = plan(header)
        if change is None:
            return False
        changed = apply_change(header, change) + found[HEADER_SIZE:]
        self._bucket.put(blob_key(namespace, digest), changed)
        return True

    def delete(self, namespace: str, digest: bytes) -> None:
        """Remove the object that has the name, and with it the key slots; then the data object."""
        name = as_name(self._get(namespace, digest, NAME_OBJECT_SIZE))
        if name is not None:
            intend(self._bucket, namespace, name.data_id, digest)
        self._bucket.delete(blob_key(namespace, digest))
        if name is not None:
            clear(self._bucket, namespace, name.data_id)

    def namespaces(self) -> list[str]:
        """The namespaces that hold an object."""
        return [name for name in self._bucket.folders() if is_namespace(name)]

    def digests(self, namespace: str) -> Iterator[bytes]:
        """The digests of a namespace, as the bucket lists them."""
        for listed in self._bucket.objects(blobs_prefix(namespace)):
            digest = digest_of(listed.key)
            if digest is not None:
                yield digest

    def entries(self, namespace: str, after: bytes = b"") -> Iterator[tuple[bytes, int]]:
        """Digests and stored bytes. Each large blob costs a request of its own, many at a time."""
        prefix = blobs_prefix(namespace)
        listing = self._bucket.objects(prefix, after=f"{prefix}/{after.hex()}" if after else None)
        while batch := list(islice(listing, _BATCH)):
            sizes = self._requests().map(self._stored_size, batch)
            for listed, size in zip(batch, sizes, strict=True):
                digest = digest_of(listed.key)
                if digest is not None and size is not None:
                    yield digest, size

    def sweep(self, older_than: float) -> int:
        """Remove data objects that never got, or have lost, their name.

        Only those that no writer can name any more, however little ``older_than`` is.
        """
        swept = sweep(self._bucket, older_than=max(older_than, self._limits.abandoned))
        if self._drafts is None or not self._drafts.is_dir():
            return swept
        places = [path for path in self._drafts.iterdir() if is_namespace(path.name)]
        return swept + sum(DraftDirectory(one, one.name).sweep(older_than) for one in places)

    def probe(self) -> None:
        """Write and remove a small object. How much room is left, S3 does not tell."""
        key = f".probe-{secrets.token_hex(8)}"
        self._bucket.put(key, _PROBE)
        self._bucket.delete(key)

    def close(self) -> None:
        """Stop the threads that read ahead."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)

    def _requests(self) -> Executor:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="store-request")
            return self._executor

    def _get(self, namespace: str, digest: bytes, end: int | None) -> Fetched:
        try:
            return self._bucket.get(blob_key(namespace, digest), 0, end)
        except ObjectNotFoundError as error:
            raise BlobNotFoundError(namespace, digest) from error

    def _fetch(self, key: str, tag: str | None, shift: int, start: int, end: int) -> memoryview:
        """A range of a blob's file, which begins in the object ``shift`` bytes later."""
        try:
            return self._bucket.get(key, start - shift, end - shift, tag=tag).data
        except (ObjectNotFoundError, ObjectChangedError) as error:
            raise BlobDamagedError("file", "what its name referred to has gone") from error

    def _has_tag(self, key: str, tag: str | None) -> bool:
        try:
            return self._bucket.get(key, 0, 1).tag == tag
        except ObjectNotFoundError:
            return False

    def _stored_size(self, listed: Listed) -> int | None:
        """Bytes of a blob's file; ``None`` if it has gone meanwhile."""
        if listed.size != NAME_OBJECT_SIZE:
            return listed.size
        try:
            name = as_name(self._bucket.get(listed.key, 0, NAME_OBJECT_SIZE))
        except ObjectNotFoundError:
            return None
        except UnsupportedVersionError:
            name = None
        return listed.size if name is None else HEADER_SIZE + name.length
