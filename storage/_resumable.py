"""Resumable drafts: blobs that grow over days, through crashes, by one process after another.

``ResumableDraft`` is one of them, open for writing. What a draft acknowledges (``sync``) is durable;
what lies in its files beyond that is taken up again if it holds. ``_draftlog`` and ``_draftfiles``
know what its two files hold and where they are; FORMAT.md is the law.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from storage._backend import Backend
from storage._draftfiles import DraftDirectory, DraftFile
from storage._draftlog import (
    Kind,
    LogSealer,
    Progress,
    frame_body,
    new_log_header,
    number_body,
    read_log,
)
from storage._errors import BlobDamagedError, DraftNotFoundError, UnsupportedVersionError
from storage._format import FIXED_SIZE, HEADER_SIZE
from storage._keygate import KeyGate
from storage._keyring import Keyring, StorageKey
from storage._local import FileSource
from storage._osfiles import store_errors
from storage._pipeline import Encoded, Pipeline
from storage._pools import Recycler
from storage._seal import BlobSealer, Frame
from storage._slotfile import change_slots
from storage._slots import plan_rekey
from storage._unseal import Place, ReadBuffers, SealedFile
from storage._writer import PendingBlob, WriteResources

_SYNC_EVERY = 32 << 20
"""Bytes after which what was written goes to the disk: the end shall not have to wait for gigabytes."""
_LONG_LOG = 4 << 20
_MANY_RECORDS = 2_000


class RunningDigest:
    """SHA-256 of the first frames of one draft; it may outlive the draft's being open.

    A process that wrote all of a draft so far has it at hand when the next bytes come. Any other
    begins a new one and reads the draft back.
    """

    def __init__(self, fixed: bytes = b"") -> None:
        self.fixed = fixed
        self.size = 0
        self._hash = hashlib.sha256()

    def update(self, data: memoryview | bytes) -> None:
        """Take the next frame."""
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> bytes:
        """The digest of what it was shown."""
        return self._hash.digest()


class _NoDigest:
    """Stands in where the digest follows from the file."""

    def update(self, data: memoryview) -> None:
        pass


@dataclass(frozen=True, slots=True)
class DraftContext:
    """What the drafts of one store share."""

    backend: Backend
    keyring: Keyring
    resources: WriteResources
    read_buffers: Recycler[ReadBuffers]
    frame_log2: int
    random: Callable[[int], bytes]

    def directory(self, namespace: str) -> DraftDirectory:
        """Where a namespace's drafts are."""
        return DraftDirectory(self.backend.drafts(namespace), namespace)

    def gate(self, namespace: str) -> KeyGate:
        """The gate to a name."""
        return KeyGate(self.keyring, namespace, None, random=self.random)

    def require_frame_size(self, sealed: SealedFile) -> None:
        """Raise ``UnsupportedVersionError`` for frames of a size that this store does not write."""
        if sealed.header.frame_log2 != self.frame_log2:
            message = f"the draft has frames of 2^{sealed.header.frame_log2} bytes"
            raise UnsupportedVersionError(message)

    def unseal(self, file: DraftFile, namespace: str) -> SealedFile:
        """The file with the key that opens its frames."""
        return SealedFile(
            FileSource(os.dup(file.descriptor), file.path),
            namespace=namespace,
            find_key=self.keyring.find,
            buffers=self.read_buffers,
            least=HEADER_SIZE,
        )


class ResumableDraft:
    """A draft, open: nobody else writes it meanwhile.

    One thread writes; another one may follow with ``catch_up``. After an error, close it and open
    it again: what was acknowledged is there.
    """

    def __init__(self, context: DraftContext, namespace: str, opened: "_Opened") -> None:
        self._context = context
        self._namespace = namespace
        self._file = opened.file
        self._sealed = opened.sealed
        self._progress = opened.progress
        self._log = opened.log
        self._sealer = BlobSealer(
            opened.file.header, opened.sealed.data_key, opened.progress.entries
        )
        self._frame_size = 1 << opened.sealed.header.frame_log2
        self._pipeline: Pipeline | None = None
        self._frame: Frame | None = None
        self._logged_tail = 0
        self._unsynced = 0
        self._cursor = (0, HEADER_SIZE)
        self._clean = True
        self.size = opened.progress.size(self._frame_size)
        self.digest = RunningDigest(opened.sealed.header.fixed)
        self._follows = self.is_behind
        self._room = memoryview(b"")
        self._take_tail()

    def go_on_with(self, digest: RunningDigest) -> bool:
        """Use the digest of an earlier opening, if it is of this very draft; whether it is."""
        if digest.fixed != self.digest.fixed or digest.size > self._sealed_size:
            return False
        self.digest = digest
        self._follows = self.is_behind
        return True

    def begin_digest(self) -> RunningDigest:
        """Begin the digest anew: all that was sealed comes by ``catch_up`` again."""
        self.digest = RunningDigest(self._sealed.header.fixed)
        self._follows = self.is_behind
        return self.digest

    def leave_digest(self) -> None:
        """Do without a digest: who finishes the draft later reads it back."""
        self._follows = True

    @property
    def unsealed(self) -> bytes:
        """The content that is in no sealed frame yet; while nothing is being written."""
        return b"" if self._frame is None else bytes(self._frame.content)

    def content(self) -> Iterator[bytes]:
        """All content there is, while nothing is being written, in pieces of at most a frame."""
        offset = HEADER_SIZE
        for number in range(self._progress.frames):
            yield self._read_frame(number, offset)
            offset += self._progress.entries.lengths[number]
        if self.unsealed:
            yield self.unsealed

    @property
    def is_behind(self) -> bool:
        """Whether the digest lacks frames that were sealed: ``catch_up`` gives them to it."""
        return self.digest.size < self._sealed_size

    @property
    def _sealed_size(self) -> int:
        return min(self._progress.frames * self._frame_size, self.size)

    @property
    def follows(self) -> bool:
        """Whether the digest gets what is written from the file, by ``catch_up``, and not at once."""
        return self._follows

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add content; blocks while the stages behind are busy.

        Raises ``StoreFullError`` and ``StoreUnavailableError``.
        """
        if self._progress.end is not None:
            raise ValueError("the draft is whole")
        with memoryview(data) as given, given.cast("B") as view:
            start = 0
            while start < len(view):
                frame = self._frame_with_room()
                with view[start : start + frame.room] as part:
                    frame.append(part)
                    start += len(part)
                if frame.room == 0:
                    self._submit(frame)
            self.size += start

    def sync(self) -> int:
        """Make everything written durable; the bytes of content there are now. It may go on then."""
        self._drain()
        self._file.sync()
        self._append(Kind.SYNCED, number_body(self._progress.frames))
        if self._frame is not None and self._frame.length > self._logged_tail:
            self._append(Kind.TAIL, bytes(self._frame.content[self._logged_tail :]))
            self._logged_tail = self._frame.length
        self._file.sync_log()
        self._unsynced = 0
        return self.size

    def catch_up(self) -> bytes:
        """Show the digest the next frame it lacks, out of the file; its content, empty if there is none."""
        if not self.is_behind:
            return b""
        number = self.digest.size // self._frame_size
        offset = self._cursor[1] if self._cursor[0] == number else self._offset(number)
        content = self._read_frame(number, offset)
        self._cursor = (number + 1, offset + self._progress.entries.lengths[number])
        self.digest.update(content)
        return content

    def head(self, length: int) -> bytes:
        """The first bytes of content, at most ``length`` and one frame, once all is sealed."""
        return self._read_frame(0, HEADER_SIZE)[:length] if self._progress.frames else b""

    def end(self) -> None:
        """No more content comes: seal what is left, durably. What the digest lacks comes by ``catch_up``."""
        if self._progress.end is None:
            self.sync()
            self._append(Kind.END, number_body(self.size))
            self._progress.end = self.size
        if self._frame is not None and self._frame.length:
            self._submit(self._frame)
        self._drain()

    def finish(self) -> PendingBlob:
        """Seal the index; the draft is a blob now, which may be published. The draft stays until it is dropped.

        Raises ``ValueError`` before ``end``, or while the digest is behind, besides what ``write`` raises.
        """
        if self._progress.end is None or self.is_behind:
            raise ValueError("the draft is not whole, or its digest is not")
        digest = self.digest.digest()
        frames_end = self._sealer.position
        index = self._sealer.seal_index(size=self.size, digest=digest)
        self._file.reserve(self._sealer.position)
        self._file.write(index, frames_end)
        self._file.trim(self._sealer.position)
        self._file.finished()
        self._file.sync_log()
        draft = self._context.backend.adopt(self._namespace, self._file.path, digest)
        return PendingBlob(
            draft,
            self._context.gate(self._namespace),
            digest=digest,
            size=self.size,
            stored_size=self._sealer.position,
        )

    def rewind(self, size: int) -> None:
        """Forget what was written since ``size`` bytes were acknowledged, and close the draft.

        If any of it was sealed, the rest moves to another key.
        """
        self._drain()
        frames, rest = divmod(size, self._frame_size)
        if frames < self._progress.frames:
            tail = self._read_frame(frames, self._offset(frames))[:rest]
            self._file.sync()
            kept = Progress(self._progress.entries.first(frames))
            kept.tails[frames] = bytearray(tail)
            moved = _carry_over(self._context, self._namespace, self._file, self._sealed, kept)
            moved.close()
        self.close()

    def close(self) -> None:
        """Stop, and let another one write. What was not acknowledged may be lost. May be called again."""
        if self._pipeline is not None:
            self._clean = False
            self._pipeline.abort()
            self._pipeline = None
        if self._frame is not None:
            self._context.resources.frames.give(self._frame)
            self._frame = None
        if self._clean and self._progress.end is None and self._file.descriptor >= 0:
            self._file.trim(self._sealer.position)
        self._sealed.source.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take_tail(self) -> None:
        tail = self._progress.tail
        if tail:
            with memoryview(tail) as view:
                self._frame_with_room().append(view)
            self._logged_tail = len(tail)

    def _frame_with_room(self) -> Frame:
        if self._frame is None:
            self._frame = self._context.resources.frames.take()
            self._frame.length = 0
        return self._frame

    def _submit(self, frame: Frame) -> None:
        if self._pipeline is None:
            self._pipeline = Pipeline(
                executor=self._context.resources.executor(),
                encode=self._context.resources.encode,
                consume=self._seal,
                recycle=self._context.resources.frames.give,
                digest=_NoDigest() if self._follows else self.digest,
            )
            self._room = memoryview(bytearray(self._context.resources.room))
        self._frame = None
        self._logged_tail = 0
        self._pipeline.submit(frame)

    def _drain(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            try:
                pipeline.finish()
            except BaseException:
                self._clean = False
                raise

    def _seal(self, plaintext: Encoded) -> None:
        """Note the next frame, then write it: by the note it is found again, by its seal it is known to be whole."""
        position = self._sealer.position
        self._file.reserve(position + self._context.resources.room)
        length = self._sealer.seal_frame(plaintext, self._room)
        self._append(Kind.FRAMES, frame_body(length, plaintext[0]))
        self._file.write(self._room[:length], position)
        self._progress.entries.append(length, plaintext[0])
        self._unsynced += length
        if self._unsynced >= _SYNC_EVERY:
            self._file.sync()
            self._append(Kind.SYNCED, number_body(self._progress.frames))
            self._unsynced = 0

    def _append(self, kind: Kind, body: bytes) -> None:
        self._file.append_log(self._log.seal(kind, body))

    def _read_frame(self, number: int, offset: int) -> bytes:
        entries = self._progress.entries
        place = Place(offset, entries.lengths[number], entries.codecs[number])
        length = min(self._frame_size, self.size - number * self._frame_size)
        return self._sealed.open_frame(number, place, length)

    def _offset(self, number: int) -> int:
        return HEADER_SIZE + sum(self._progress.entries.lengths[:number])


@dataclass(frozen=True, slots=True)
class _Opened:
    """A draft's files, and what they hold."""

    file: DraftFile
    sealed: SealedFile
    progress: Progress
    log: LogSealer

    def close(self) -> None:
        """Close the files."""
        self.sealed.source.close()
        self.file.close()


def create_draft(context: DraftContext, namespace: str, name: str) -> ResumableDraft:
    """Begin a draft; one of this name must not be there. Raises ``DraftBusyError`` if there is one."""
    directory = context.directory(namespace)
    opened = _begin(context, namespace, directory, name, Progress())
    _put_in_place(context, namespace, opened)
    return ResumableDraft(context, namespace, opened)


def open_draft(context: DraftContext, namespace: str, name: str) -> ResumableDraft:
    """Open a draft to go on with it.

    Raises ``DraftNotFoundError``, ``DraftBusyError``, and what opening a blob raises.
    """
    file = context.directory(namespace).open(name)
    try:
        sealed = context.unseal(file, namespace)
    except BaseException:
        file.close()
        raise
    try:
        context.require_frame_size(sealed)
        opened = _recover(context, namespace, file, sealed)
    except BaseException:
        sealed.source.close()
        file.close()
        raise
    return ResumableDraft(context, namespace, opened)


def draft_size(context: DraftContext, namespace: str, name: str) -> int:
    """How much content a draft has, durably, while it may be written. Raises like ``open_draft``."""
    file = context.directory(namespace).open(name, writing=False)
    try:
        sealed = context.unseal(file, namespace)
        try:
            found = read_log(
                file.read_log(),
                data_key=sealed.data_key,
                fixed=sealed.header.fixed,
                random=context.random,
            )
            _cut_unwritten(found.progress, sealed)
        finally:
            sealed.source.close()
        file.sync()
        file.sync_log()
        return found.progress.size(1 << sealed.header.frame_log2)
    finally:
        file.close()


def rekey_draft(context: DraftContext, namespace: str, name: str) -> bool:
    """Bring a draft under the newest storage key, also while it is written; false if it was so already."""
    path = context.directory(namespace).path(name)
    with context.keyring.newest_held(namespace) as newest:
        return _rekeyed(context, path, newest, name)


def _rekeyed(context: DraftContext, path: Path, newest: StorageKey, name: str) -> bool:
    plan = partial(
        plan_rekey,
        namespace=newest.namespace,
        newest=newest,
        find_key=context.keyring.find,
        random=context.random,
    )
    with store_errors("changing key slots"):
        try:
            return change_slots(path, plan)
        except FileNotFoundError:
            raise DraftNotFoundError(newest.namespace, name) from None


def _begin(
    context: DraftContext,
    namespace: str,
    directory: DraftDirectory,
    name: str,
    progress: Progress,
) -> _Opened:
    """Make the files of a draft that has no name yet, its log saying what is to be in it."""
    key = context.keyring.storage_key(namespace)
    new = BlobSealer.begin(key, frame_log2=context.frame_log2, random=context.random)
    data, log = _whole_log(context, new.data_key, new.header[:FIXED_SIZE], progress)
    file = directory.begin(name, new.header, data)
    try:
        return _Opened(file, context.unseal(file, namespace), progress, log)
    except BaseException:
        file.abandon()
        raise


def _whole_log(
    context: DraftContext, data_key: bytes, fixed: bytes, progress: Progress
) -> tuple[bytes, LogSealer]:
    """A new log that tells all of this, and what seals its further records."""
    header = new_log_header(context.random)
    log = LogSealer(data_key, fixed, header, context.random)
    return header + b"".join(log.seal(*body) for body in progress.bodies()), log


def _put_in_place(context: DraftContext, namespace: str, opened: _Opened) -> None:
    """Give a draft its name, under the newest storage key: no older one is retired meanwhile."""
    file = opened.file
    with context.keyring.newest_held(namespace) as newest:
        _rekeyed(context, file.fresh_path, newest, file.name)
        file.put_in_place()


def _recover(context: DraftContext, namespace: str, file: DraftFile, sealed: SealedFile) -> _Opened:
    """Find out what of a draft holds, and have nothing else in it."""
    data = file.read_log()
    found = read_log(
        data, data_key=sealed.data_key, fixed=sealed.header.fixed, random=context.random
    )
    progress = found.progress
    whole = progress.frames
    _cut_unwritten(progress, sealed)
    cut = progress.frames < whole
    file.sync()
    progress.synced = progress.frames
    frame_size = 1 << sealed.header.frame_log2
    is_stale = not progress.is_sealed_whole(frame_size) and not file.is_clear(progress.position)
    if is_stale:
        moved = _carry_over(context, namespace, file, sealed, progress)
        sealed.source.close()
        file.close()
        return moved
    log = found.sealer
    torn = found.length < len(data)
    if cut or torn or len(data) > _LONG_LOG or log.records > _MANY_RECORDS:
        again, log = _whole_log(context, sealed.data_key, sealed.header.fixed, progress)
        file.replace_log(again)
    return _Opened(file, sealed, progress, log)


def _cut_unwritten(progress: Progress, sealed: SealedFile) -> None:
    """Cut the frames that were noted and did not reach the file whole."""
    offset = HEADER_SIZE + sum(progress.entries.lengths[: progress.synced])
    for number in range(progress.synced, progress.frames):
        length, codec = progress.entries.lengths[number], progress.entries.codecs[number]
        try:
            sealed.open_encoded(number, Place(offset, length, codec))
        except BlobDamagedError:
            progress.cut(number)
            return
        offset += length


def _carry_over(
    context: DraftContext,
    namespace: str,
    file: DraftFile,
    sealed: SealedFile,
    progress: Progress,
) -> _Opened:
    """Move what holds of a draft to a new data key, in its place.

    A frame that was begun may not be sealed again under the same key: it might hold other bytes,
    and two messages under one nonce give both away. Nothing is compressed again.
    """
    moved = _begin(context, namespace, file.directory, file.name, progress)
    try:
        sealer = BlobSealer(moved.file.header, moved.sealed.data_key)
        room = memoryview(bytearray(context.resources.room))
        offset = HEADER_SIZE
        for number in range(progress.frames):
            length, codec = progress.entries.lengths[number], progress.entries.codecs[number]
            plain = sealed.open_encoded(number, Place(offset, length, codec))
            moved.file.reserve(offset + len(room))
            moved.file.write(room[: sealer.seal_frame(plain, room)], offset)
            offset += length
        moved.file.trim(offset)
        _put_in_place(context, namespace, moved)
    except BaseException:
        moved.sealed.source.close()
        moved.file.abandon()
        raise
    file.forget_log()
    return moved
