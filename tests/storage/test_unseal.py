"""Blobs sealed with the right key around wrong claims, and indexes in pages.

Only who has the key could make these; a bug of ours, or of a later version, is such a one.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from storage import BlobDamagedError, BlobStore, Keyring
from storage import _format as fmt
from storage._seal import BlobSealer
from tests.storage.helpers import NAMESPACE, file_of, get, noise, put, sha256
from tests.vectors.make_blob_v1 import PAGED_SIZE, flip

FRAME = 64
CONTENT = noise(FRAME + 10)
DIGEST = sha256(CONTENT)


class Forger:
    """Seals frames, pages and roots of its own making under a real key."""

    def __init__(self, keyring: Keyring) -> None:
        key = keyring.storage_key(NAMESPACE)
        self.sealer = BlobSealer.begin(key, frame_log2=6, random=os.urandom)
        self.blob = bytearray(self.sealer.header)

    def frame(self, plaintext: bytes) -> None:
        out = bytearray(len(plaintext) + 64)
        length = self.sealer.seal_frame(plaintext, memoryview(out))
        self.blob += out[:length]

    def end(self, root: bytes) -> bytes:
        sealed = self.sealer._seal(fmt.nonce(fmt.DOMAIN_INDEX_ROOT, 0), root)
        trailer = fmt.Trailer(len(self.blob), len(sealed)).pack()
        return bytes(self.blob + sealed + trailer)

    @property
    def entries(self) -> fmt.Entries:
        return self.sealer._entries


def pack(size: int, digest: bytes, count: int, body: bytes) -> bytes:
    return struct.pack(">Q32sQ", size, digest, count) + body


@pytest.fixture
def forger(keyring: Keyring) -> Forger:
    return Forger(keyring)


@pytest.fixture
def expect(store: BlobStore, root: Path) -> Callable[[bytes, str, str], None]:
    """Verify a forged blob, and compare part and reason of the damage found."""

    def check(blob: bytes, part: str, reason: str) -> None:
        path = file_of(root, DIGEST)
        path.parent.mkdir(parents=True)
        path.write_bytes(blob)
        with pytest.raises(BlobDamagedError, match=reason) as caught:
            store.verify(NAMESPACE, DIGEST)
        assert caught.value.part == part

    return check


Expect = Callable[[bytes, str, str], None]


def raw_frames(forger: Forger, content: bytes = CONTENT) -> None:
    for start in range(0, len(content), FRAME):
        forger.frame(b"\0" + content[start : start + FRAME])


def test_content_of_another_digest(forger: Forger, expect: Expect) -> None:
    raw_frames(forger, noise(FRAME + 10, seed=2))
    root = pack(len(CONTENT), DIGEST, 2, forger.entries.pack())
    expect(forger.end(root), "content", "digest it is named by")


def test_empty_content_under_another_digest(forger: Forger, expect: Expect) -> None:
    expect(forger.end(pack(0, DIGEST, 0, b"")), "content", "digest it is named by")


@pytest.mark.parametrize("size", [FRAME, 2 * FRAME + 1, 1 << 63])
def test_frame_count_and_length_disagree(forger: Forger, expect: Expect, size: int) -> None:
    raw_frames(forger)
    root = pack(size, DIGEST, 2, forger.entries.pack())
    expect(forger.end(root), "index", "frame count and content length")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed[:-1],
        lambda packed: packed + b"\0",
        lambda packed: packed[:-1] + b"\x07",
        lambda packed: bytes(4) + packed[4:],
        lambda packed: b"\xff" * 4 + packed[4:],
        lambda packed: packed[:3] + bytes([packed[3] - 1]) + packed[4:],
    ],
    ids=["short", "long", "codec unknown", "length zero", "length huge", "sum wrong"],
)
def test_entries_that_describe_no_such_file(
    forger: Forger, expect: Expect, spoil: Callable[[bytes], bytes]
) -> None:
    raw_frames(forger)
    root = pack(len(CONTENT), DIGEST, 2, spoil(forger.entries.pack()))
    expect(forger.end(root), "index", "do not describe this file")


def test_frame_and_index_name_two_codecs(forger: Forger, expect: Expect) -> None:
    raw_frames(forger)
    forger.entries.codecs[1] = fmt.CODEC_ZSTD
    root = pack(len(CONTENT), DIGEST, 2, forger.entries.pack())
    expect(forger.end(root), "frame", "two codecs")


def _squeeze(content: bytes, *, with_size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=with_size).compress(content)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (b"\0" + CONTENT[FRAME:-1], "another length"),
        (b"\1" + _squeeze(CONTENT[FRAME:-1]), "another length"),
        (b"\1" + _squeeze(b"a" * 10, with_size=False), "another length"),
        (b"\1" + _squeeze(b"a" * 10) + b"x", "does not decompress"),
        (b"\1" + _squeeze(b"abcdefghij")[:-2], "does not decompress|another length"),
        (b"\1not a zstd frame", "does not decompress"),
    ],
    ids=["raw short", "zstd short", "zstd without size", "zstd with more", "zstd cut", "no zstd"],
)
def test_stored_content_of_another_length(
    forger: Forger, expect: Expect, stored: bytes, reason: str
) -> None:
    forger.frame(b"\0" + CONTENT[:FRAME])
    forger.frame(stored)
    root = pack(len(CONTENT), DIGEST, 2, forger.entries.pack())
    expect(forger.end(root), "frame", reason)


def test_a_decompression_bomb_is_not_unpacked(forger: Forger, expect: Expect) -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 20))
    assert len(bomb) < FRAME
    forger.frame(b"\0" + CONTENT[:FRAME])
    forger.frame(b"\1" + bomb)
    root = pack(len(CONTENT), DIGEST, 2, forger.entries.pack())
    expect(forger.end(root), "frame", "another length")


@pytest.fixture
def paged(small_frames: BlobStore, root: Path) -> Path:
    """A blob of one frame more than an index root holds."""
    return file_of(root, put(small_frames, noise(PAGED_SIZE)).digest)


@pytest.fixture
def paged_digest() -> bytes:
    return sha256(noise(PAGED_SIZE))


def test_an_index_in_pages_reads_everywhere(
    small_frames: BlobStore, paged: Path, paged_digest: bytes
) -> None:
    content = noise(PAGED_SIZE)
    assert get(small_frames, paged_digest) == content
    with small_frames.open(NAMESPACE, paged_digest) as reader:
        for offset in (PAGED_SIZE - 1, 0, PAGED_SIZE - 66, 12345, PAGED_SIZE - 2):
            assert reader.read(offset, 130) == content[offset : offset + 130]


def _page_offsets(blob: bytes) -> tuple[int, int, int]:
    """Where page 0, page 1 and the root begin."""
    root = int.from_bytes(blob[-16:-8], "big")
    last = root - (28 + 5)
    return last - (28 + 5 * 4096), last, root


def test_damaged_pages_are_named(small_frames: BlobStore, paged: Path, paged_digest: bytes) -> None:
    blob = paged.read_bytes()
    paged.chmod(0o600)
    for number, offset in enumerate(_page_offsets(blob)[:2]):
        for within in (0, 12, 28):
            paged.write_bytes(flip(offset + within)(blob))
            with pytest.raises(BlobDamagedError) as caught:
                small_frames.verify(NAMESPACE, paged_digest)
            assert (caught.value.part, caught.value.number) == ("index page", number)


def _reroot(keyring: Keyring, change: Callable[[list[int]], list[int]]) -> bytes:
    forger = Forger(keyring)
    raw_frames(forger, noise(PAGED_SIZE))
    entries = forger.entries
    starts = forger.sealer._page_starts
    for number in range(2):
        nonce = fmt.nonce(fmt.DOMAIN_INDEX_PAGE, number)
        forger.blob += forger.sealer._seal(nonce, entries.page(number).pack())
    table = change(starts)
    body = struct.pack(f">{len(table)}Q", *table)
    return forger.end(pack(PAGED_SIZE, DIGEST, 4097, body))


@pytest.mark.parametrize(
    ("change", "part", "reason"),
    [
        (lambda s: s[:1], "index", "page table and frame count"),
        (lambda s: [s[0] + 1, s[1]], "index", "page table does not describe"),
        (lambda s: [s[0], 1 << 63], "index", "page table does not describe"),
        (lambda s: [s[0], s[1] + 1], "index page", "entries do not describe"),
    ],
    ids=["too few", "first moved", "beyond the file", "second moved"],
)
def test_page_tables_that_describe_no_such_file(
    keyring: Keyring,
    expect: Expect,
    change: Callable[[list[int]], list[int]],
    part: str,
    reason: str,
) -> None:
    expect(_reroot(keyring, change), part, reason)


def test_a_page_of_nonsense(keyring: Keyring, expect: Expect) -> None:
    forger = Forger(keyring)
    raw_frames(forger, noise(PAGED_SIZE))
    starts = forger.sealer._page_starts
    for number, count in enumerate((4096, 1)):
        nonce = fmt.nonce(fmt.DOMAIN_INDEX_PAGE, number)
        forger.blob += forger.sealer._seal(nonce, bytes(5 * count))
    body = struct.pack(">2Q", *starts)
    expect(forger.end(pack(PAGED_SIZE, DIGEST, 4097, body)), "index page", "do not describe")


def test_a_slot_that_wraps_another_key(keyring: Keyring, store: BlobStore, root: Path) -> None:
    digest = put(store, CONTENT).digest
    path = file_of(root, digest)
    blob = path.read_bytes()
    key = keyring.storage_key(NAMESPACE)
    sealed = key.cipher.encrypt(bytes(12), bytes(32), blob[:32])
    slot = fmt.KeySlot(key.key_id, bytes(12), sealed[32:], sealed[:32]).pack()
    path.chmod(0o600)
    path.write_bytes(blob[:112] + slot + blob[192:])
    assert get(store, digest) == CONTENT
    with pytest.raises(BlobDamagedError, match="key slot B: it is not as it was written"):
        store.verify(NAMESPACE, digest)


def test_a_file_cut_while_it_is_read_is_damaged(store: BlobStore, root: Path) -> None:
    content = noise(3 * fmt.FRAME_SIZE)
    digest = put(store, content).digest
    path = file_of(root, digest)
    path.chmod(0o600)
    with store.open(NAMESPACE, digest) as reader:
        os.truncate(path, fmt.FRAME_SIZE)
        with pytest.raises(BlobDamagedError, match="frame 0: the file ends inside it"):
            reader.read(0, 10)


def test_an_unreadable_sector_is_damage(store: BlobStore) -> None:
    """A directory's descriptor stands in for a disk that fails: reading it is an OSError too."""
    digest = put(store, noise(fmt.FRAME_SIZE)).digest
    with store.open(NAMESPACE, digest) as reader:
        directory = os.open("/", os.O_RDONLY)
        os.dup2(directory, reader._file.source._descriptor)
        os.close(directory)
        with pytest.raises(BlobDamagedError, match="frame 0: it cannot be read"):
            reader.read(0, 10)
