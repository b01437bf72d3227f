"""Sealing: from plaintext frames to the bytes of a blob, in order, without any file.

One ``BlobSealer`` makes one blob; its data key leaves it for a draft's log alone. The reverse is
``_unseal``.
"""

from collections.abc import Callable
from typing import Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from zstandard import ZstdCompressor

from storage._format import (
    CODEC_RAW,
    CODEC_SIZE,
    CODEC_ZSTD,
    DOMAIN_FRAME,
    DOMAIN_INDEX_PAGE,
    DOMAIN_INDEX_ROOT,
    EMPTY_SLOT,
    FIXED_SIZE,
    HEADER_SIZE,
    KEY_SIZE,
    NONCE_SIZE,
    PAGE_ENTRIES,
    SEAL_OVERHEAD,
    TAG_SIZE,
    Entries,
    Trailer,
    nonce,
    pack_fixed,
    pack_root,
    page_count,
)
from storage._keyring import StorageKey
from storage._slots import wrap

_BLOB_ID_SIZE = 16
_ZSTD_PREFIX = bytes([CODEC_ZSTD])
_LEAST_SAVING = 64
"""A frame is stored raw unless compression saves at least one part in this many."""


class Frame:
    """A recycled buffer for one frame: the codec byte, then the content.

    The codec byte sits in front so that an incompressible frame is sealed where it lies.
    """

    __slots__ = ("buffer", "holders", "length")

    def __init__(self, frame_size: int) -> None:
        self.buffer = memoryview(bytearray(CODEC_SIZE + frame_size))
        self.length = 0
        self.holders = 0

    @property
    def room(self) -> int:
        """Bytes of content that still fit."""
        return len(self.buffer) - CODEC_SIZE - self.length

    def append(self, data: memoryview) -> None:
        """Copy content in; the caller has checked that it fits."""
        start = CODEC_SIZE + self.length
        self.buffer[start : start + len(data)] = data
        self.length += len(data)

    @property
    def content(self) -> memoryview:
        """The content, read-only, valid until the buffer is used for another frame."""
        return self.buffer[CODEC_SIZE : CODEC_SIZE + self.length].toreadonly()

    def encode(self, compressor: ZstdCompressor) -> bytes | memoryview:
        """The frame's plaintext: codec byte and content, compressed if that is worth it."""
        packed = compressor.compress(self.content)
        if (self.length - len(packed)) * _LEAST_SAVING >= self.length:
            return _ZSTD_PREFIX + packed
        self.buffer[0] = CODEC_RAW
        return self.buffer[: CODEC_SIZE + self.length]


def sealed_frame_bound(frame_size: int) -> int:
    """The most bytes one sealed frame takes, and what sealing needs as room beyond them."""
    return SEAL_OVERHEAD + CODEC_SIZE + frame_size + TAG_SIZE


class BlobSealer:
    """Seals one blob: header, then frames in order, then index and trailer.

    One thread at a time. ``position`` counts the bytes of the file so far.
    """

    def __init__(self, header: bytes, data_key: bytes, entries: Entries | None = None) -> None:
        """Go on after the frames of these entries, which lie in a file already."""
        self.header = header
        self.data_key = data_key
        self.position = HEADER_SIZE
        self._fixed = header[:FIXED_SIZE]
        self._cipher = AESGCM(data_key)
        self._entries = Entries.empty()
        self._page_starts: list[int] = []
        if entries is not None:
            for length, codec in zip(entries.lengths, entries.codecs, strict=True):
                self._add(length, codec)

    @classmethod
    def begin(
        cls, storage_key: StorageKey, *, frame_log2: int, random: Callable[[int], bytes]
    ) -> Self:
        """Begin a blob, with a data key of its own."""
        fixed = pack_fixed(frame_log2=frame_log2, blob_id=random(_BLOB_ID_SIZE))
        data_key = random(KEY_SIZE)
        slot = wrap(data_key, fixed, storage_key, random)
        return cls(fixed + slot.pack() + EMPTY_SLOT, data_key)

    def _add(self, length: int, codec: int) -> None:
        """Take note of the next frame."""
        if len(self._entries) % PAGE_ENTRIES == 0:
            self._page_starts.append(self.position)
        self._entries.append(length, codec)
        self.position += length

    def seal_frame(self, plaintext: bytes | memoryview, out: memoryview) -> int:
        """Seal the next frame into ``out`` and return how many bytes it takes there.

        The cipher puts its tag last and the format puts it first: ``TAG_SIZE`` more bytes of
        ``out`` are used as room, and are free again afterwards.
        """
        length = SEAL_OVERHEAD + len(plaintext)
        frame_nonce = nonce(DOMAIN_FRAME, len(self._entries))
        room = out[SEAL_OVERHEAD : length + TAG_SIZE]
        self._cipher.encrypt_into(frame_nonce, plaintext, self._fixed, room)
        out[NONCE_SIZE:SEAL_OVERHEAD] = out[length : length + TAG_SIZE]
        out[:NONCE_SIZE] = frame_nonce
        self._add(length, plaintext[0])
        return length

    def seal_index(self, *, size: int, digest: bytes) -> bytes:
        """Index pages, index root and trailer of the finished content."""
        entries = self._entries
        parts = [
            self._seal(nonce(DOMAIN_INDEX_PAGE, page), entries.page(page).pack())
            for page in range(page_count(len(entries)))
        ]
        root = pack_root(size=size, digest=digest, entries=entries, page_starts=self._page_starts)
        sealed_root = self._seal(nonce(DOMAIN_INDEX_ROOT, 0), root)
        root_offset = self.position + sum(map(len, parts))
        parts += [sealed_root, Trailer(root_offset, len(sealed_root)).pack()]
        tail = b"".join(parts)
        self.position += len(tail)
        return tail

    def _seal(self, part_nonce: bytes, plaintext: bytes) -> bytes:
        sealed = self._cipher.encrypt(part_nonce, plaintext, self._fixed)
        return part_nonce + sealed[-TAG_SIZE:] + sealed[:-TAG_SIZE]
