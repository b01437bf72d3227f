"""The store itself: it ties keyring, directory, writer and reader together, and no more."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zstandard import ZstdCompressor

from storage._directory import StoreDirectory
from storage._format import FRAME_LOG2
from storage._keyring import Keyring
from storage._output import OutputBuffers
from storage._pools import Recycler
from storage._reader import BlobReader
from storage._seal import BlobSealer, Frame, sealed_frame_bound
from storage._unseal import ReadBuffers, SealedFile
from storage._writer import BlobWriter, WriteResources

_WORKERS = 2
_IDLE_FRAMES = 16
_IDLE_CONTEXTS = 8


@dataclass(frozen=True, slots=True)
class BlobStat:
    """A stored blob: SHA-256 digest, content bytes, file bytes."""

    digest: bytes
    size: int
    stored_size: int


class BlobStore:
    """Content-addressed, encrypted blobs below one directory.

    Threads share one object; processes share the directory and the keyring. ``level`` is zstd's.
    ``frame_log2`` and ``random`` are for tests: the size of frames and the source of keys.
    """

    def __init__(
        self,
        root: Path,
        keyring: Keyring,
        *,
        level: int = 3,
        frame_log2: int = FRAME_LOG2,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._directory = StoreDirectory(root)
        self._keyring = keyring
        self._frame_log2 = frame_log2
        self._random = random
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        frame_size = 1 << frame_log2
        self._resources = WriteResources(
            executor=self._shared_executor,
            frames=Recycler(partial(Frame, frame_size), keep=_IDLE_FRAMES),
            compressors=Recycler(partial(ZstdCompressor, level=level), keep=_IDLE_CONTEXTS),
            outputs=OutputBuffers(sealed_frame_bound(frame_size)),
        )
        self._read_buffers = Recycler(ReadBuffers, keep=_IDLE_CONTEXTS)

    def writer(self, namespace: str) -> BlobWriter:
        """Start a blob. Leaving the writer's context without ``finish`` leaves nothing behind."""
        key = self._keyring.storage_key(namespace)
        sealer = BlobSealer(key, frame_log2=self._frame_log2, random=self._random)
        return BlobWriter(self._directory.destination(namespace), sealer, self._resources)

    def open(self, namespace: str, digest: bytes) -> BlobReader:
        """Open a blob for reading.

        Raises ``BlobNotFoundError``, ``WrongKeyError``, ``BlobDamagedError`` and
        ``UnsupportedVersionError``; so does reading from it.
        """
        descriptor = self._directory.open(namespace, digest)
        try:
            file = SealedFile(
                descriptor,
                namespace=namespace,
                find_key=self._keyring.find,
                buffers=self._read_buffers,
            )
            return BlobReader(file, digest)
        except BaseException:
            os.close(descriptor)
            raise

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
        return self._directory.exists(namespace, digest)

    def delete(self, namespace: str, digest: bytes) -> None:
        """Remove a blob, durably. Raises ``BlobNotFoundError``.

        Whoever collects must hold the lock that keeps a writer from publishing it meanwhile.
        """
        self._directory.delete(namespace, digest)

    def namespaces(self) -> list[str]:
        """The namespaces that have a directory, sorted."""
        return self._directory.namespaces()

    def digests(self, namespace: str) -> Iterator[bytes]:
        """The digests of all blobs of a namespace, ascending; one shard in memory at a time."""
        return self._directory.digests(namespace)

    def sweep_temporary(self, older_than: float) -> int:
        """Remove temporary files whose owner is gone and that are ``older_than`` seconds old.

        A live owner's file is never taken, whatever its age: 0 is right at start. Returns how
        many were removed.
        """
        return self._directory.sweep(older_than)

    def check_writable(self) -> int:
        """Write, sync and remove a small file; the bytes free for blobs.

        Raises ``StoreFullError`` and ``StoreUnavailableError``.
        """
        return self._directory.probe()

    def close(self) -> None:
        """Stop the shared threads, once every writer is finished or aborted."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()

    def _shared_executor(self) -> Executor:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix="store-encode")
            return self._executor
