"""Blob format version 1: constants, and the packing of every unsealed or sealed structure.

Pure functions over bytes; FORMAT.md is the law they follow. No keys, no files, no threads here.
"""

import struct
import sys
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from storage._errors import BlobDamagedError, UnsupportedVersionError

MAGIC: Final = b"\x89DMSB\r\n\x1a"
VERSION: Final = 1
SUITE_AES256GCM_ZSTD_SHA256: Final = 1
TRAILER_MAGIC: Final = b"DMSE"

FRAME_LOG2: Final = 19
MIN_FRAME_LOG2: Final = 6
MAX_FRAME_LOG2: Final = 23
FRAME_SIZE: Final = 1 << FRAME_LOG2
"""Bytes of content in every frame but the last."""

NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
KEY_SIZE: Final = 32
KEY_ID_SIZE: Final = 16
DIGEST_SIZE: Final = 32
SEAL_OVERHEAD: Final = NONCE_SIZE + TAG_SIZE
CODEC_SIZE: Final = 1

CODEC_RAW: Final = 0
CODEC_ZSTD: Final = 1

DOMAIN_FRAME: Final = 1
DOMAIN_INDEX_PAGE: Final = 2
DOMAIN_INDEX_ROOT: Final = 3
DOMAIN_LOG_RECORD: Final = 4

PAGE_ENTRIES: Final = 4096
ENTRY_SIZE: Final = 5

_FIXED = struct.Struct(">8sBBBB4s16s")
_SLOT = struct.Struct(">16s12s16s32s4s")
_ROOT = struct.Struct(">Q32sQ")
_TRAILER = struct.Struct(">QI4s")
_NONCE = struct.Struct(">IQ")

FIXED_SIZE: Final = _FIXED.size
SLOT_SIZE: Final = _SLOT.size
HEADER_SIZE: Final = FIXED_SIZE + 2 * SLOT_SIZE
ROOT_FIXED_SIZE: Final = _ROOT.size
TRAILER_SIZE: Final = _TRAILER.size
MIN_BLOB_SIZE: Final = HEADER_SIZE + SEAL_OVERHEAD + ROOT_FIXED_SIZE + TRAILER_SIZE
MIN_STORED_FRAME: Final = SEAL_OVERHEAD + CODEC_SIZE + 1

EMPTY_SLOT: Final = bytes(SLOT_SIZE)
SLOT_NAMES: Final = ("key slot A", "key slot B")

_RESERVED = bytes(4)


def nonce(domain: int, counter: int) -> bytes:
    """The nonce of a sealed part: its kind, then its number among its kind."""
    return _NONCE.pack(domain, counter)


@dataclass(frozen=True, slots=True)
class KeySlot:
    """One wrapping of the blob's data key under a storage key."""

    key_id: bytes
    nonce: bytes
    tag: bytes
    wrapped: bytes
    reserved: bytes = _RESERVED

    def pack(self) -> bytes:
        """The slot's bytes."""
        return _SLOT.pack(self.key_id, self.nonce, self.tag, self.wrapped, self.reserved)


@dataclass(frozen=True, slots=True)
class Header:
    """The parsed header. ``fixed`` is the associated data of every seal in the blob.

    A slot is ``None`` when empty.
    """

    fixed: bytes
    frame_log2: int
    slots: tuple[KeySlot | None, KeySlot | None]


def pack_fixed(*, frame_log2: int, blob_id: bytes) -> bytes:
    """The header's fixed part for a new blob."""
    return _FIXED.pack(
        MAGIC, VERSION, SUITE_AES256GCM_ZSTD_SHA256, frame_log2, 0, _RESERVED, blob_id
    )


def parse_header(data: bytes) -> Header:
    """Read the header. Nothing in it is trusted until a key slot has opened with it.

    Raises ``BlobDamagedError`` and ``UnsupportedVersionError``.
    """
    fixed = data[:FIXED_SIZE]
    magic, version, suite, frame_log2, flags, reserved, _blob_id = _FIXED.unpack(fixed)
    if magic != MAGIC:
        raise BlobDamagedError("header", "the file does not start like a blob")
    if version != VERSION:
        message = f"blob format version {version} is unknown; this program reads version {VERSION}"
        raise UnsupportedVersionError(message)
    if suite != SUITE_AES256GCM_ZSTD_SHA256 or flags or reserved != _RESERVED:
        message = f"blob suite {suite}, flags {flags:#x} are unknown to this program"
        raise UnsupportedVersionError(message)
    if not MIN_FRAME_LOG2 <= frame_log2 <= MAX_FRAME_LOG2:
        message = f"blob frame size 2^{frame_log2} is outside what version {VERSION} allows"
        raise UnsupportedVersionError(message)
    first = _parse_slot(data[FIXED_SIZE : FIXED_SIZE + SLOT_SIZE])
    second = _parse_slot(data[FIXED_SIZE + SLOT_SIZE :])
    return Header(fixed, frame_log2, (first, second))


def _parse_slot(data: bytes) -> KeySlot | None:
    return None if data == EMPTY_SLOT else KeySlot(*_SLOT.unpack(data))


@dataclass(frozen=True, slots=True)
class Trailer:
    """Where the index root says it is. A hint: the root's own seal decides."""

    root_offset: int
    root_length: int

    def pack(self) -> bytes:
        """The trailer's bytes."""
        return _TRAILER.pack(self.root_offset, self.root_length, TRAILER_MAGIC)


def parse_trailer(data: bytes, *, file_size: int) -> Trailer:
    """Read the last bytes of a file, and bound what they claim by the file's own size.

    Raises ``BlobDamagedError``.
    """
    root_offset, root_length, magic = _TRAILER.unpack(data)
    if magic != TRAILER_MAGIC:
        raise BlobDamagedError("trailer", "the file does not end like a blob")
    if root_offset + root_length + TRAILER_SIZE != file_size or root_offset < HEADER_SIZE:
        raise BlobDamagedError("trailer", "it does not point at an index that ends the file")
    fixed = SEAL_OVERHEAD + ROOT_FIXED_SIZE
    most_pages = file_size // (PAGE_ENTRIES * MIN_STORED_FRAME) + 1
    most = fixed + max(PAGE_ENTRIES * ENTRY_SIZE, 8 * most_pages)
    if not fixed <= root_length <= most:
        raise BlobDamagedError("trailer", "the index length it gives is impossible")
    return Trailer(root_offset, root_length)


@dataclass(slots=True)
class Entries:
    """Index entries of consecutive frames: bytes in the file, and codec, of each."""

    lengths: "array[int]"
    codecs: bytearray

    @classmethod
    def empty(cls) -> "Entries":
        """No entries yet."""
        return cls(array("I"), bytearray())

    def __len__(self) -> int:
        return len(self.lengths)

    def append(self, length: int, codec: int) -> None:
        """Add the next frame."""
        self.lengths.append(length)
        self.codecs.append(codec)

    def page(self, number: int) -> "Entries":
        """The entries of one index page."""
        part = slice(number * PAGE_ENTRIES, (number + 1) * PAGE_ENTRIES)
        return Entries(self.lengths[part], self.codecs[part])

    def first(self, count: int) -> "Entries":
        """The first entries."""
        return Entries(self.lengths[:count], self.codecs[:count])

    def pack(self) -> bytes:
        """All lengths, then all codecs."""
        return _big_endian(self.lengths).tobytes() + bytes(self.codecs)

    @classmethod
    def parse(cls, data: bytes, count: int, *, frame_size: int) -> "Entries | None":
        """Read ``count`` entries, or ``None`` if they are not well-formed."""
        if len(data) != count * ENTRY_SIZE:
            return None
        lengths = array("I", data[: count * 4])
        codecs = bytearray(data[count * 4 :])
        entries = cls(_big_endian(lengths), codecs)
        return entries if entries._plausible(frame_size) else None

    def _plausible(self, frame_size: int) -> bool:
        if not self.lengths:
            return True
        most = SEAL_OVERHEAD + CODEC_SIZE + frame_size
        return (
            min(self.lengths) >= MIN_STORED_FRAME
            and max(self.lengths) <= most
            and max(self.codecs) <= CODEC_ZSTD
        )


def _big_endian(numbers: "array[int]") -> "array[int]":
    """A copy in the file's byte order, or from it: swapping is its own inverse."""
    swapped = array("I", numbers)
    if sys.byteorder == "little":  # pragma: no branch - no big-endian machine to test on
        swapped.byteswap()
    return swapped


@dataclass(frozen=True, slots=True)
class Root:
    """The index root: what the blob is, and its entries or where its pages' frames begin.

    Without pages, ``entries`` is the one page there is.
    """

    size: int
    digest: bytes
    frame_count: int
    entries: Entries | None
    page_starts: tuple[int, ...]
    frames_end: int


def page_count(frame_count: int) -> int:
    """How many sealed pages an index of so many frames has: none while it fits in the root."""
    return 0 if frame_count <= PAGE_ENTRIES else -(-frame_count // PAGE_ENTRIES)


def pages_size(frame_count: int) -> int:
    """Bytes that the sealed pages of an index take in the file."""
    pages = page_count(frame_count)
    return pages * SEAL_OVERHEAD + frame_count * ENTRY_SIZE if pages else 0


def pack_root(*, size: int, digest: bytes, entries: Entries, page_starts: list[int]) -> bytes:
    """The root's plaintext; ``page_starts`` are file offsets, used when there are pages."""
    fixed = _ROOT.pack(size, digest, len(entries))
    if page_count(len(entries)):
        return fixed + struct.pack(f">{len(page_starts)}Q", *page_starts)
    return fixed + entries.pack()


def parse_root(data: bytes, *, frame_size: int, root_offset: int) -> Root:
    """Read a root whose seal has opened. Raises ``BlobDamagedError``."""
    size, digest, frame_count = _ROOT.unpack_from(data)
    body = data[ROOT_FIXED_SIZE:]
    if frame_count != -(-size // frame_size):
        raise BlobDamagedError("index", "frame count and content length disagree")
    pages = page_count(frame_count)
    if not pages:
        entries = Entries.parse(body, frame_count, frame_size=frame_size)
        if entries is None or HEADER_SIZE + sum(entries.lengths) != root_offset:
            raise BlobDamagedError("index", "its entries do not describe this file")
        return Root(size, digest, frame_count, entries, (HEADER_SIZE,), root_offset)
    if len(body) != 8 * pages:
        raise BlobDamagedError("index", "page table and frame count disagree")
    starts = struct.unpack(f">{pages}Q", body)
    frames_end = root_offset - pages_size(frame_count)
    if starts[0] != HEADER_SIZE or any(a >= b for a, b in pairwise((*starts, frames_end))):
        raise BlobDamagedError("index", "its page table does not describe this file")
    return Root(size, digest, frame_count, None, starts, frames_end)
