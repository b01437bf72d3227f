"""The log beside a resumable draft: which frames lie in its file, and the bytes that fill none yet.

FORMAT.md ("Resumable draft") is the law. Records are sealed under the draft's data key, appended,
and believed up to the first that does not hold. Files and locks are in ``_draftfiles``.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage._errors import BlobDamagedError, UnsupportedVersionError
from storage._format import (
    DOMAIN_LOG_RECORD,
    ENTRY_SIZE,
    HEADER_SIZE,
    NONCE_SIZE,
    SEAL_OVERHEAD,
    TAG_SIZE,
    Entries,
)

_MAGIC: Final = b"\x89DMSL\r\n\x1a"
_VERSION: Final = 1
_HEADER = struct.Struct(">8sB7s16s")
_LENGTH = struct.Struct(">I")
_NUMBER = struct.Struct(">Q")
_ENTRY = struct.Struct(">IB")
_RESERVED = bytes(7)
_LOG_ID_SIZE = 16
_MOST = 16 << 20
"""Bytes of the largest record anybody writes."""

LOG_HEADER_SIZE: Final = _HEADER.size


class Kind(IntEnum):
    """What a record says."""

    FRAMES = 1
    """Lengths and codecs of the next frames; they may not have reached the file."""
    TAIL = 2
    """More bytes of the content, for the frame after those."""
    SYNCED = 3
    """So many frames are durable."""
    END = 4
    """So many bytes is all of the content."""


@dataclass(slots=True)
class Progress:
    """How far a draft is, as its log tells it."""

    entries: Entries = field(default_factory=Entries.empty)
    tails: dict[int, bytearray] = field(default_factory=dict)
    """By the number of a frame: bytes of it that were logged before it was sealed."""
    synced: int = 0
    """Frames that are durable."""
    end: int | None = None
    """Bytes of the whole content, once that is known."""

    @property
    def frames(self) -> int:
        """How many frames were sealed."""
        return len(self.entries)

    @property
    def tail(self) -> bytes:
        """The content after the last frame."""
        return bytes(self.tails.get(self.frames, b""))

    @property
    def position(self) -> int:
        """The offset in the draft's file at which the next frame begins."""
        return HEADER_SIZE + sum(self.entries.lengths)

    def size(self, frame_size: int) -> int:
        """Bytes of content."""
        held = self.frames * frame_size + len(self.tail)
        return held if self.end is None else min(held, self.end)

    def is_sealed_whole(self, frame_size: int) -> bool:
        """Whether the last frame is there, and only the index is missing."""
        return self.end is not None and self.frames * frame_size >= self.end

    def cut(self, frames: int) -> None:
        """Forget all frames but the first; bytes logged for the next one come back."""
        del self.entries.lengths[frames:]
        del self.entries.codecs[frames:]
        self.tails = {number: tail for number, tail in self.tails.items() if number == frames}
        self.end = None

    def take(self, kind: int, body: bytes) -> bool:
        """Add what a record says; false if it cannot be meant so."""
        match kind:
            case Kind.FRAMES if len(body) % ENTRY_SIZE == 0:
                for length, codec in _ENTRY.iter_unpack(body):
                    self.entries.append(length, codec)
            case Kind.TAIL:
                self.tails.setdefault(self.frames, bytearray()).extend(body)
            case Kind.SYNCED if len(body) == _NUMBER.size:
                self.synced = min(_NUMBER.unpack(body)[0], self.frames)
                self.tails = {n: tail for n, tail in self.tails.items() if n >= self.synced}
            case Kind.END if len(body) == _NUMBER.size:
                self.end = _NUMBER.unpack(body)[0]
            case _:
                return False
        return True

    def bodies(self) -> Iterator[tuple[Kind, bytes]]:
        """Records that say all of it, if every frame is durable."""
        pairs = zip(self.entries.lengths, self.entries.codecs, strict=True)
        yield Kind.FRAMES, b"".join(_ENTRY.pack(*pair) for pair in pairs)
        yield Kind.SYNCED, _NUMBER.pack(self.frames)
        if self.tail:
            yield Kind.TAIL, self.tail
        if self.end is not None:
            yield Kind.END, _NUMBER.pack(self.end)


def frame_body(length: int, codec: int) -> bytes:
    """The body of a record of one frame."""
    return _ENTRY.pack(length, codec)


def number_body(number: int) -> bytes:
    """The body of a record that is a number."""
    return _NUMBER.pack(number)


class LogSealer:
    """Makes and opens the records of one log, in order."""

    def __init__(
        self, data_key: bytes, fixed: bytes, header: bytes, random: Callable[[int], bytes]
    ) -> None:
        self._cipher = AESGCM(data_key)
        self._context = fixed + header
        self._random = random
        self.records = 0

    def seal(self, kind: Kind, body: bytes) -> bytes:
        """The bytes of the next record."""
        nonce = DOMAIN_LOG_RECORD.to_bytes(4) + self._random(8)
        sealed = self._cipher.encrypt(nonce, bytes([kind]) + body, self._next_context())
        record = nonce + sealed[-TAG_SIZE:] + sealed[:-TAG_SIZE]
        return _LENGTH.pack(len(record)) + record

    def open(self, record: bytes) -> tuple[int, bytes] | None:
        """Kind and body of the next record; ``None`` if it does not hold."""
        nonce, tag, sealed = (
            record[:NONCE_SIZE],
            record[NONCE_SIZE:SEAL_OVERHEAD],
            record[SEAL_OVERHEAD:],
        )
        try:
            plain = self._cipher.decrypt(nonce, sealed + tag, self._next_context())
        except InvalidTag:
            return None
        return plain[0], plain[1:]

    def _next_context(self) -> bytes:
        self.records += 1
        return self._context + _NUMBER.pack(self.records)


def new_log_header(random: Callable[[int], bytes]) -> bytes:
    """The first bytes of a new log. With its random id, no record of another log holds in it."""
    return _HEADER.pack(_MAGIC, _VERSION, _RESERVED, random(_LOG_ID_SIZE))


@dataclass(slots=True)
class ReadLog:
    """A log that was read: what it tells, its sealer, and how many bytes of it hold."""

    progress: Progress
    sealer: LogSealer
    length: int


def read_log(
    data: bytes, *, data_key: bytes, fixed: bytes, random: Callable[[int], bytes]
) -> ReadLog:
    """Read a log up to the first record that does not hold.

    Raises ``BlobDamagedError`` where it does not begin like one, ``UnsupportedVersionError``.
    """
    if len(data) < LOG_HEADER_SIZE:
        raise BlobDamagedError("draft log", "it is shorter than a header")
    magic, version, reserved, _log_id = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise BlobDamagedError("draft log", "it does not start like one")
    if version != _VERSION or reserved != _RESERVED:
        message = f"draft log version {version} is unknown; this program reads version {_VERSION}"
        raise UnsupportedVersionError(message)
    sealer = LogSealer(data_key, fixed, data[:LOG_HEADER_SIZE], random)
    found = ReadLog(Progress(), sealer, LOG_HEADER_SIZE)
    for record, end in _records(data):
        opened = sealer.open(record)
        if opened is None or not found.progress.take(*opened):
            break
        found.length = end
    return found


def _records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The records of a log, sealed, each with the offset of its end; the last may be cut short."""
    start = LOG_HEADER_SIZE
    while start + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        end = start + _LENGTH.size + length
        if not SEAL_OVERHEAD < length <= _MOST or end > len(data):
            return
        yield data[start + _LENGTH.size : end], end
        start = end
