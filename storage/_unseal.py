"""Unsealing: from the bytes of a blob back to plaintext, trusting nothing that is not sealed.

``SealedFile`` reads from a backend's source. Every length is bounded before memory is set aside
for it, and every failure is one of the store's own errors. The reverse is ``_seal``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage._backend import Source
from storage._errors import BlobDamagedError, WrongKeyError
from storage._format import (
    CODEC_RAW,
    CODEC_SIZE,
    DOMAIN_FRAME,
    DOMAIN_INDEX_PAGE,
    DOMAIN_INDEX_ROOT,
    ENTRY_SIZE,
    HEADER_SIZE,
    MAX_FRAME_LOG2,
    MIN_BLOB_SIZE,
    NONCE_SIZE,
    PAGE_ENTRIES,
    SEAL_OVERHEAD,
    TAG_SIZE,
    TRAILER_SIZE,
    Entries,
    Header,
    Root,
    nonce,
    parse_header,
    parse_root,
    parse_trailer,
)
from storage._pools import Recycler
from storage._slots import FindKey, check_slots, open_data_key

T = TypeVar("T")


class ReadBuffers:
    """What reading one frame needs: ciphertext and tag, plaintext, a decompressor."""

    def __init__(self) -> None:
        self.sealed = memoryview(bytearray())
        self.plain = memoryview(bytearray())
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=1 << MAX_FRAME_LOG2)

    def reserve(self, frame_size: int) -> None:
        """Make room for frames of this size."""
        needed = CODEC_SIZE + frame_size
        if len(self.plain) < needed:
            self.sealed = memoryview(bytearray(needed + TAG_SIZE))
            self.plain = memoryview(bytearray(needed))


class SealedFile:
    """A blob's file with the key that opens its parts."""

    def __init__(
        self,
        source: Source,
        *,
        namespace: str,
        find_key: FindKey,
        buffers: Recycler[ReadBuffers],
        least: int = MIN_BLOB_SIZE,
    ) -> None:
        self.source = source
        self._namespace = namespace
        self._find_key = find_key
        self._buffers = buffers
        self.size = source.size
        if self.size < least:
            raise BlobDamagedError("file", "it is shorter than the smallest blob")
        self.header, self.data_key = self._with_header(self._open_data_key)
        self._cipher = AESGCM(self.data_key)

    def read(self, length: int, offset: int, part: str, *, number: int | None = None) -> bytes:
        """Exactly ``length`` bytes of the file."""
        data = bytearray(length)
        self.read_into([data], offset, part, number=number)
        return bytes(data)

    def read_into(
        self,
        targets: Sequence[bytearray | memoryview],
        offset: int,
        part: str,
        *,
        number: int | None = None,
    ) -> None:
        """Fill the targets in order, completely."""
        try:
            got = self.source.read_into(targets, offset)
        except OSError as error:
            reason = f"it cannot be read: {error.strerror}"
            raise BlobDamagedError(part, reason, number=number) from error
        if got != sum(len(target) for target in targets):
            raise BlobDamagedError(part, "the file ends inside it", number=number)

    def open_part(
        self, offset: int, length: int, part: str, *, domain: int, number: int | None = None
    ) -> bytes:
        """The plaintext of an index page or of the root."""
        data = self.read(length, offset, part, number=number)
        expected = nonce(domain, number or 0)
        if data[:NONCE_SIZE] != expected:
            raise BlobDamagedError(part, "another part lies in its place", number=number)
        sealed = data[SEAL_OVERHEAD:] + data[NONCE_SIZE:SEAL_OVERHEAD]
        try:
            return self._cipher.decrypt(expected, sealed, self.header.fixed)
        except InvalidTag as error:
            raise BlobDamagedError(part, "its seal does not hold", number=number) from error

    def open_frame(self, number: int, place: "Place", content_length: int) -> bytes:
        """The content of one frame."""
        buffers = self._buffers.take()
        try:
            buffers.reserve(1 << self.header.frame_log2)
            plain = self._decrypt_frame(number, place, buffers)
            if plain[0] != place.codec:
                raise BlobDamagedError("frame", "frame and index name two codecs", number=number)
            stored = plain[CODEC_SIZE:]
            if place.codec != CODEC_RAW:
                return _decompress(stored, content_length, buffers.decompressor, number)
            if len(stored) != content_length:
                raise BlobDamagedError("frame", "its content has another length", number=number)
            return bytes(stored)
        finally:
            self._buffers.give(buffers)

    def open_encoded(self, number: int, place: "Place") -> bytes:
        """The plaintext of one frame as it was sealed: codec and content, still compressed."""
        buffers = self._buffers.take()
        try:
            buffers.reserve(1 << self.header.frame_log2)
            return bytes(self._decrypt_frame(number, place, buffers))
        finally:
            self._buffers.give(buffers)

    def _decrypt_frame(self, number: int, place: "Place", buffers: ReadBuffers) -> memoryview:
        length = place.length - SEAL_OVERHEAD
        found = bytearray(NONCE_SIZE)
        sealed = buffers.sealed[: length + TAG_SIZE]
        targets: list[bytearray | memoryview] = [found, sealed[length:], sealed[:length]]
        self.read_into(targets, place.offset, "frame", number=number)
        if found != nonce(DOMAIN_FRAME, number):
            raise BlobDamagedError("frame", "another part lies in its place", number=number)
        plain = buffers.plain[:length]
        try:
            self._cipher.decrypt_into(found, sealed, self.header.fixed, plain)
        except InvalidTag as error:
            raise BlobDamagedError("frame", "its seal does not hold", number=number) from error
        return plain

    def check_slots(self) -> None:
        """Check both key slots as the file has them now, also the one opening did not need.

        Raises ``BlobDamagedError``.
        """
        self._with_header(
            lambda data: check_slots(parse_header(data), self._namespace, self._find_key)
        )

    def _open_data_key(self, data: bytes) -> tuple[Header, bytes]:
        header = parse_header(data)
        return header, open_data_key(header, self._namespace, self._find_key)

    def _with_header(self, look: Callable[[bytes], T]) -> T:
        """What ``look`` makes of the header; of the next one, if it fails and has changed since.

        The slots may be changing at this moment, and the key they named may just be retired.
        """
        before = self.read(HEADER_SIZE, 0, "header")
        try:
            return look(before)
        except (BlobDamagedError, WrongKeyError):
            again = self.read(HEADER_SIZE, 0, "header")
            if again == before:
                raise
            return look(again)


def _decompress(
    stored: memoryview, length: int, decompressor: zstandard.ZstdDecompressor, number: int
) -> bytes:
    """Decompress to exactly ``length`` bytes; what the data claims is compared before it is used."""
    try:
        plausible = zstandard.frame_content_size(stored) == length
        content = decompressor.decompress(stored, allow_extra_data=False) if plausible else b""
    except zstandard.ZstdError as error:
        raise BlobDamagedError("frame", "it does not decompress", number=number) from error
    if len(content) != length:
        raise BlobDamagedError("frame", "its content has another length", number=number)
    return content


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame lies in the file, and how it is encoded."""

    offset: int
    length: int
    codec: int


class FrameIndex:
    """Finds frames. Of an index in pages it holds the root and the page last used."""

    def __init__(self, file: SealedFile) -> None:
        self._file = file
        tail = file.read(TRAILER_SIZE, file.size - TRAILER_SIZE, "trailer")
        trailer = parse_trailer(tail, file_size=file.size)
        plain = file.open_part(
            trailer.root_offset, trailer.root_length, "index", domain=DOMAIN_INDEX_ROOT
        )
        self.frame_size = 1 << file.header.frame_log2
        self.root: Root = parse_root(
            plain, frame_size=self.frame_size, root_offset=trailer.root_offset
        )
        self._page_number = 0 if self.root.entries is not None else -1
        self._page = self.root.entries or Entries.empty()
        self._cursor = (0, HEADER_SIZE)

    def locate(self, number: int) -> Place:
        """The place of a frame. Reading on from the last one found needs no summing."""
        page_number, within = divmod(number, PAGE_ENTRIES)
        if page_number != self._page_number:
            self._load_page(page_number)
        offset = self._cursor[1]
        if self._cursor[0] != number:
            offset = self.root.page_starts[page_number] + sum(self._page.lengths[:within])
        length = self._page.lengths[within]
        self._cursor = (number + 1, offset + length)
        return Place(offset, length, self._page.codecs[within])

    def _load_page(self, number: int) -> None:
        root = self.root
        count = min(PAGE_ENTRIES, root.frame_count - number * PAGE_ENTRIES)
        offset = root.frames_end + number * (SEAL_OVERHEAD + PAGE_ENTRIES * ENTRY_SIZE)
        length = SEAL_OVERHEAD + count * ENTRY_SIZE
        plain = self._file.open_part(
            offset, length, "index page", domain=DOMAIN_INDEX_PAGE, number=number
        )
        entries = Entries.parse(plain, count, frame_size=self.frame_size)
        start, end = (*root.page_starts, root.frames_end)[number : number + 2]
        if entries is None or start + sum(entries.lengths) != end:
            reason = "its entries do not describe this file"
            raise BlobDamagedError("index page", reason, number=number)
        self._page, self._page_number = entries, number
