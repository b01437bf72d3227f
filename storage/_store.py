"""The store itself: it ties keyring, backend, writer and reader together, and no more."""

import heapq
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path

from zstandard import ZstdCompressor

from storage._backend import Backend, PlanSlots, Source
from storage._copying import copy_sealed
from storage._errors import BlobDamagedError, BlobNotFoundError, WrongKeyError
from storage._format import FRAME_LOG2, HEADER_SIZE
from storage._keygate import KeyGate
from storage._keyring import Keyring, StorageKey
from storage._local import LocalBackend
from storage._osfiles import store_errors
from storage._pools import Recycler
from storage._reader import BlobReader
from storage._resumable import (
    DraftContext,
    ResumableDraft,
    create_draft,
    draft_size,
    open_draft,
    rekey_draft,
)
from storage._seal import BlobSealer, Frame, sealed_frame_bound
from storage._slots import plan_rekey
from storage._unseal import ReadBuffers, SealedFile
from storage._writer import BlobInfo, BlobWriter, PendingBlob, WriteResources

_WORKERS = 2
_IDLE_FRAMES = 16
_IDLE_CONTEXTS = 8
_LEAST_SAVING = 64
"""A blob is replaced by a smaller one if that saves at least one part in this many."""


@dataclass(frozen=True, slots=True)
class BlobStat:
    """A stored blob: SHA-256 digest, content bytes, stored bytes."""

    digest: bytes
    size: int
    stored_size: int


class BlobStore:
    """Content-addressed, encrypted blobs in a backend; a path stands for a local directory.

    Threads share one object; processes share what the backend keeps, and the keyring. What the
    backend does not have is read from the ``fallback``, to which nothing is ever added. ``level``
    is zstd's. ``frame_log2`` and ``random`` are for tests: the size of frames, the source of keys.

    Object storage has no locks: processes that delete, rekey, recompress or restore blobs there
    share a directory for them (``open_backend``). A local directory locks by itself.
    """

    def __init__(
        self,
        backend: Backend | Path,
        keyring: Keyring,
        *,
        fallback: Backend | Path | None = None,
        level: int = 3,
        frame_log2: int = FRAME_LOG2,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._backend = _as_backend(backend)
        self._fallback = None if fallback is None else _as_backend(fallback)
        self._level = level
        self._keyring = keyring
        self._frame_log2 = frame_log2
        self._random = random
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        frame_size = 1 << frame_log2
        self._resources = WriteResources(
            executor=self._shared_executor,
            frames=Recycler(partial(Frame, frame_size), keep=_IDLE_FRAMES),
            compressors=_compressors(level),
            room=sealed_frame_bound(frame_size),
        )
        self._by_level = {level: self._resources}
        self._read_buffers = Recycler(ReadBuffers, keep=_IDLE_CONTEXTS)
        self._drafts = DraftContext(
            self._backend,
            keyring,
            self._resources,
            self._read_buffers,
            frame_log2,
            random,
        )

    @property
    def fallback(self) -> "BlobStore | None":
        """The fallback as a store of its own, to copy or to repair from; closed with this one."""
        return None if self._fallback is None else BlobStore(self._fallback, self._keyring)

    def writer(self, namespace: str) -> BlobWriter:
        """Start a blob. Leaving the writer's context without ``finish`` leaves nothing behind."""
        return self._writer(namespace, self._level)

    def create_draft(self, namespace: str, name: str) -> ResumableDraft:
        """Begin a blob that may be carried on by any process that has the same store.

        ``name`` has 32 hexadecimal digits. Raises ``DraftBusyError`` if there is such a draft,
        and like a writer.
        """
        return create_draft(self._drafts, namespace, name)

    def open_draft(self, namespace: str, name: str) -> ResumableDraft:
        """Carry a draft on.

        Raises ``DraftNotFoundError``, ``DraftBusyError`` while another one writes it, and like
        ``open``.
        """
        return open_draft(self._drafts, namespace, name)

    def draft_size(self, namespace: str, name: str) -> int:
        """Bytes of content that a draft has for sure, also while it is written. Raises like ``open_draft``."""
        return draft_size(self._drafts, namespace, name)

    def drop_draft(self, namespace: str, name: str) -> bool:
        """Remove a draft and destroy its key; what was published from it stays. False if there is none.

        Raises ``DraftBusyError``.
        """
        return self._drafts.directory(namespace).drop(name)

    def drafts(self, namespace: str) -> list[str]:
        """The names of a namespace's drafts, sorted."""
        return self._drafts.directory(namespace).names()

    def rekey_draft(self, namespace: str, name: str) -> bool:
        """What ``rekey`` is to a blob. Raises ``DraftNotFoundError``, and like ``open``."""
        return rekey_draft(self._drafts, namespace, name)

    def open(self, namespace: str, digest: bytes) -> BlobReader:
        """Open a blob for reading.

        Raises ``BlobNotFoundError``, ``WrongKeyError``, ``BlobDamagedError`` and
        ``UnsupportedVersionError``; so does reading from it.
        """
        return self._reader(partial(self._find, namespace, digest), namespace, digest)

    def stat(self, namespace: str, digest: bytes) -> BlobStat:
        """Sizes of a blob, from its sealed index. Raises like ``open``."""
        with self.open(namespace, digest) as reader:
            return BlobStat(digest, reader.size, reader.stored_size)

    def verify(self, namespace: str, digest: bytes) -> BlobStat:
        """Read all of a blob and check every byte of its file. Raises like ``open``."""
        with self.open(namespace, digest) as reader:
            reader.verify()
            return BlobStat(digest, reader.size, reader.stored_size)

    def exists(self, namespace: str, digest: bytes) -> bool:
        """Whether the namespace has a blob of this name; its content is not looked at."""
        backends = (self._backend, self._fallback)
        return any(backend.exists(namespace, digest) for backend in backends if backend)

    def entries(
        self, namespace: str, *, after: bytes = b"", everywhere: bool = False
    ) -> Iterator[tuple[bytes, int]]:
        """Digest and stored bytes of every blob of a namespace, ascending by digest.

        Only those above ``after`` are told, and nothing below is looked at. Cheap: no blob is
        opened, so neither number is proven. What only the fallback has is told ``everywhere``.
        """
        entries = self._backend.entries(namespace, after)
        if self._fallback is None or not everywhere:
            return entries
        return _merged(entries, self._fallback.entries(namespace, after))

    def delete(self, namespace: str, digest: bytes) -> None:
        """Remove a blob, durably, and destroy its key slots. Raises ``BlobNotFoundError``.

        Without its slots nobody can open what may be left of the blob on the medium. It is removed
        from the fallback too, and there first: what is destroyed shall not come back. Whoever
        collects must hold the lock that keeps a writer from publishing it meanwhile.
        """
        backends = (self._fallback, self._backend)
        removed = [_removed(backend, namespace, digest) for backend in backends if backend]
        if not any(removed):
            raise BlobNotFoundError(namespace, digest)

    def rekey(self, namespace: str, digest: bytes) -> bool:
        """Bring a blob's data key under the namespace's newest storage key, and no other.

        No content is touched, readers are not disturbed, and a crash at any moment leaves a blob
        that opens. Returns false if it was so already. Raises like ``open``.
        """
        with (
            self._backend.exclusive(namespace, digest),
            # A key that stopped being the newest may be retired: nothing is wrapped under it then.
            self._keyring.newest_held(namespace) as newest,
        ):
            return self._backend.change_slots(namespace, digest, self._plan(newest))

    def is_rekeyed(self, namespace: str, digest: bytes) -> bool:
        """Whether ``rekey`` would find nothing to do. Nothing is held. Raises like ``open``."""
        plan = self._plan(self._keyring.storage_key(namespace))
        header = bytearray(HEADER_SIZE)
        with (
            store_errors("reading a header"),
            closing(self._backend.open(namespace, digest)) as source,
        ):
            if source.read_into([header], 0) < HEADER_SIZE:
                raise BlobDamagedError("file", "it is shorter than a header")
        return plan(bytes(header)) is None

    def recompress(self, namespace: str, digest: bytes, level: int) -> BlobStat | None:
        """Replace a blob by one of the same content, compressed at another level.

        The new one is sealed under the newest storage key, verified, and takes the other's place
        atomically; open readers read on. Returns ``None``, and keeps the blob as it is, if less
        than one part in 64 would be saved. Raises like ``open`` and like a writer.
        """
        pending = self.recompressed(namespace, digest, level)
        return None if pending is None else self.put_in_place(namespace, pending)

    def recompressed(self, namespace: str, digest: bytes, level: int) -> PendingBlob | None:
        """What ``recompress`` would put in the place of a blob, for ``put_in_place``.

        This is the part that takes long; nothing is held meanwhile.
        """
        find = partial(self._backend.open, namespace, digest)
        with (
            self._reader(find, namespace, digest) as reader,
            ExitStack() as undo,
        ):
            pending = undo.enter_context(self._rewrite(reader, namespace, level))
            saved = reader.stored_size - pending.stored_size
            if saved * _LEAST_SAVING < reader.stored_size:
                return None
            undo.pop_all()
            return pending

    def put_in_place(self, namespace: str, pending: PendingBlob) -> BlobStat:
        """Put another form of a blob in its place, atomically; open readers read on.

        Raises ``BlobNotFoundError`` if it was deleted meanwhile: it does not come back.
        """
        digest = pending.digest
        with pending, self._backend.exclusive(namespace, digest):
            if not self._backend.exists(namespace, digest):
                raise BlobNotFoundError(namespace, digest)
            pending.replace()
            return BlobStat(digest, pending.size, pending.stored_size)

    def restore(self, namespace: str, digest: bytes, source: "BlobStore") -> BlobStat:
        """Put a good copy of a blob from another store in the place of a damaged or missing one.

        The copy is verified before it takes the place, atomically. It is of the sealed bytes; only
        where this store's keyring lacks their key is the content sealed anew. Raises like ``open``
        of the source, and like a writer; then nothing has changed here.
        """
        with (
            self._copy(namespace, digest, source) as pending,
            self._backend.exclusive(namespace, digest),
        ):
            pending.replace()
            return BlobStat(digest, pending.size, pending.stored_size)

    def take_over(self, namespace: str, digest: bytes, source: "BlobStore") -> BlobInfo | None:
        """Store another store's blob here too, as ``restore`` does; ``None`` if there is one."""
        if self._backend.exists(namespace, digest):
            return None
        with self._copy(namespace, digest, source) as pending:
            return pending.publish()

    def sealed(self, namespace: str, digest: bytes) -> Source:
        """The sealed bytes of a blob, to be copied; to be closed. Raises ``BlobNotFoundError``."""
        return self._find(namespace, digest)

    def namespaces(self) -> list[str]:
        """The namespaces that hold something, sorted; those of the fallback are not told."""
        return self._backend.namespaces()

    def digests(self, namespace: str) -> Iterator[bytes]:
        """The digests of all blobs of a namespace, ascending; few of them in memory at a time."""
        return self._backend.digests(namespace)

    def sweep_temporary(self, older_than: float) -> int:
        """Remove what writers that died have left, if it is ``older_than`` seconds old.

        What a live writer needs is never taken: 0 is right at start. Returns how much was removed.
        """
        return self._backend.sweep(older_than)

    def check_writable(self) -> int | None:
        """Write and remove something small; the bytes free for blobs, where that is known.

        Raises ``StoreFullError`` and ``StoreUnavailableError``.
        """
        return self._backend.probe()

    def check_keyring(self) -> None:
        """Look whether the keyring can be read and still opens; raises like ``Keyring.check``."""
        self._keyring.check()

    def close(self) -> None:
        """Stop the shared threads, once every writer is finished or aborted."""
        self._backend.close()
        if self._fallback is not None:
            self._fallback.close()
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()

    def _writer(self, namespace: str, level: int) -> BlobWriter:
        key = self._keyring.storage_key(namespace)
        sealer = BlobSealer.begin(key, frame_log2=self._frame_log2, random=self._random)
        resources = self._by_level.get(level)
        if resources is None:
            resources = replace(self._resources, compressors=_compressors(level))
            self._by_level[level] = resources
        gate = KeyGate(self._keyring, namespace, key, random=self._random)
        return BlobWriter(partial(self._backend.draft, namespace), sealer, resources, gate)

    def _reader(self, find: Callable[[], Source], namespace: str, digest: bytes) -> BlobReader:
        unseal = partial(
            SealedFile,
            namespace=namespace,
            find_key=self._keyring.find,
            buffers=self._read_buffers,
        )
        return BlobReader(find, unseal, digest)

    def _plan(self, newest: StorageKey) -> PlanSlots:
        return partial(
            plan_rekey,
            namespace=newest.namespace,
            newest=newest,
            find_key=self._keyring.find,
            random=self._random,
        )

    def _find(self, namespace: str, digest: bytes) -> Source:
        try:
            return self._backend.open(namespace, digest)
        except BlobNotFoundError:
            if self._fallback is None:
                raise
            return self._fallback.open(namespace, digest)

    def _rewrite(self, reader: BlobReader, namespace: str, level: int) -> PendingBlob:
        """The same content sealed anew, and verified, without a name."""
        with self._writer(namespace, level) as writer, ExitStack() as undo:
            for piece in reader.iter():
                writer.write(piece)
            pending = undo.enter_context(writer.finish())
            with self._reader(pending.source, namespace, reader.digest) as written:
                written.verify()
            undo.pop_all()
            return pending

    def _copy(self, namespace: str, digest: bytes, source: "BlobStore") -> PendingBlob:
        """A copy of another store's blob, verified, without a name."""
        try:
            return self._copy_sealed(namespace, digest, source)
        except WrongKeyError:
            with source.open(namespace, digest) as reader:
                return self._rewrite(reader, namespace, self._level)

    def _copy_sealed(self, namespace: str, digest: bytes, source: "BlobStore") -> PendingBlob:
        draft = self._backend.draft(namespace)
        with ExitStack() as undo:
            undo.callback(draft.drop)
            with closing(source.sealed(namespace, digest)) as sealed:
                copy_sealed(sealed, draft, digest)
            with self._reader(draft.source, namespace, digest) as written:
                written.verify()
            undo.pop_all()
        size, stored_size = written.size, written.stored_size
        gate = KeyGate(self._keyring, namespace, None, random=self._random)
        return PendingBlob(draft, gate, digest=digest, size=size, stored_size=stored_size)

    def _shared_executor(self) -> Executor:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix="store-encode")
            return self._executor


def _removed(backend: Backend, namespace: str, digest: bytes) -> bool:
    """Remove a blob from one of the backends; whether it was there."""
    try:
        with backend.exclusive(namespace, digest):
            backend.delete(namespace, digest)
    except BlobNotFoundError:
        return False
    return True


def _merged(
    first: Iterator[tuple[bytes, int]], second: Iterator[tuple[bytes, int]]
) -> Iterator[tuple[bytes, int]]:
    """Both, ascending; of a digest that both have, the first's."""
    last = b""
    for digest, size in heapq.merge(first, second, key=itemgetter(0)):
        if digest != last:
            yield digest, size
        last = digest


def _as_backend(given: Backend | Path) -> Backend:
    return LocalBackend(given) if isinstance(given, Path) else given


def _compressors(level: int) -> Recycler[ZstdCompressor]:
    return Recycler(partial(ZstdCompressor, level=level), keep=_IDLE_CONTEXTS)
