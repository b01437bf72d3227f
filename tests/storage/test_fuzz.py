"""Hostile blobs and keyrings: only the documented errors come out of them, wrong bytes never, and memory stays bounded.

A hundred examples of each run with the other tests. For twenty thousand, which take an hour:

    pytest tests/storage/test_fuzz.py --hypothesis-profile=fuzz --timeout=0
"""

import base64
import copy
import json
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import zstandard
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from storage import (
    BlobDamagedError,
    BlobStore,
    Keyring,
    KeyringDamagedError,
    UnsupportedVersionError,
    WrongKeyError,
)
from storage import _format as fmt
from storage._keyring_file import MAX_FILE_SIZE, KeyringDocument
from storage._seal import BlobSealer
from tests.storage.helpers import MASTER_KEY, NAMESPACE, file_of, noise, put, sha256, text
from tests.vectors.make_blob_v1 import PAGED_SIZE

FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck))
BLOB_ERRORS = (BlobDamagedError, WrongKeyError, UnsupportedVersionError)
KEYRING_ERRORS = (KeyringDamagedError, WrongKeyError, UnsupportedVersionError)

FRAME = 64
STORED = 28 + 1 + FRAME
HEADER, SLOT_A, SLOT_B, SLOT, TRAILER = 192, 32, 112, 80, 16
MEMORY = 2 << 20
"""Bytes that reading a small hostile blob may take, all in all."""

BOUNDARIES = [0, 1, 2, 27, 28, 75, 76, 77, 4095, 4096, 4097, 20480, 122880, 1 << 20, 1 << 24]
POWERS = [(1 << power) + around for power in (31, 32, 58, 63, 64) for around in (-1, 0, 1)]
CONTENTS = {
    "empty": b"",
    "small": b"x",
    "frames": noise(5 * FRAME + 9),
    "text": text(7 * FRAME),
    "paged": noise(PAGED_SIZE),
}


T = TypeVar("T")


def bounded(most: int, use: Callable[[], T]) -> T:
    """Do it, and fail if Python allocates more than so many bytes for it.

    Once in ten thousand times the interpreter enlarges a table of its own in between; never twice in a row.
    """
    peaks = []
    while True:
        tracemalloc.start()
        try:
            result = use()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        if peaks[-1] < most:
            return result
        assert len(peaks) < 2, f"{peaks} bytes were allocated"


class Target:
    """A store with good blobs, and a place for hostile ones."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "blobs"
        self.keyring = Keyring.create(directory / "keyring.json", MASTER_KEY)
        self.store = BlobStore(self.root, self.keyring, frame_log2=6)
        self.blobs: dict[str, bytes] = {}
        for name, content in CONTENTS.items():
            self.blobs[name] = self._sealed(content, NAMESPACE)
        self.strange = self._sealed(CONTENTS["frames"], "org-2")
        self.other = self._sealed(noise(5 * FRAME + 9, seed=2), NAMESPACE)
        # A second key, so that rekeying has something to do.
        self.keyring.renew([NAMESPACE])

    def _sealed(self, content: bytes, namespace: str) -> bytes:
        return file_of(
            self.root, put(self.store, content, namespace).digest, namespace
        ).read_bytes()

    def place(self, blob: bytes, digest: bytes) -> Path:
        path = file_of(self.root, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(blob)
        return path

    def read(self, digest: bytes) -> bytes:
        with self.store.open(NAMESPACE, digest) as reader:
            return b"".join(reader.iter())

    def some(self, digest: bytes, offset: int, length: int) -> bytes:
        with self.store.open(NAMESPACE, digest) as reader:
            return reader.read(offset, length)

    def use(self, blob: bytes, digest: bytes, offset: int, length: int) -> list[str]:
        """Do everything that reads a blob; which of it worked. What came out is what was asked for."""
        self.place(blob, digest)
        uses: dict[str, Callable[[], object]] = {
            "stat": lambda: self.store.stat(NAMESPACE, digest),
            "range": lambda: self.some(digest, offset, length),
            "read": lambda: self.read(digest),
            "verify": lambda: self.store.verify(NAMESPACE, digest),
            "rekey": lambda: self.store.rekey(NAMESPACE, digest),
            "recompress": lambda: self.store.recompress(NAMESPACE, digest, 1),
        }
        worked = []
        for name, use in uses.items():
            try:
                result = use()
            except BLOB_ERRORS:
                continue
            if name == "read":
                assert isinstance(result, bytes)
                assert sha256(result) == digest
            worked.append(name)
        return worked


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.store.close()


# -- blobs changed by someone without the keys ------------------------------------------------------


@st.composite
def mutations(draw: st.DrawFn, blob: bytes, others: list[bytes]) -> bytes:
    """The blob, changed one to three times in ways that know its layout, or do not."""
    data = bytearray(blob)
    for _ in range(draw(st.integers(1, 3))):
        change = draw(st.sampled_from(CHANGES))
        change(draw, data, others)
    return bytes(data)


def _position(draw: st.DrawFn, data: bytearray) -> int:
    parts = [0, 8, 9, 10, 11, 12, 16, SLOT_A, SLOT_B, HEADER, HEADER + STORED]
    ends = [len(data) - TRAILER, len(data) - 8, len(data) - 4, len(data) - TRAILER - 76]
    near = st.sampled_from([*parts, *ends]).flatmap(
        lambda at: st.integers(-2, 20).map(lambda around: at + around)
    )
    return max(0, min(len(data), draw(st.one_of(near, st.integers(0, len(data))))))


def _flip(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    for _ in range(draw(st.integers(1, 8))):
        position = _position(draw, data)
        if position < len(data):
            data[position] ^= 1 << draw(st.integers(0, 7))


def _truncate(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    del data[_position(draw, data) :]


def _cut(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    start = _position(draw, data)
    del data[start : start + draw(st.sampled_from([1, 12, 28, SLOT, STORED, 300]))]


def _splice(draw: st.DrawFn, data: bytearray, others: list[bytes]) -> None:
    source = draw(st.sampled_from([*others, bytes(data)]))
    start, length = draw(st.integers(0, len(source))), draw(st.integers(0, 4 * STORED))
    at, over = _position(draw, data), draw(st.booleans())
    data[at : at + length if over else at] = source[start : start + length]


def _insert(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    at = _position(draw, data)
    data[at:at] = draw(st.one_of(st.binary(max_size=200), st.integers(1, 5000).map(bytes)))


def _swap_frames(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    first, second = (HEADER + STORED * draw(st.integers(0, 4)) for _ in range(2))
    one, other = bytes(data[first : first + STORED]), bytes(data[second : second + STORED])
    data[first : first + STORED], data[second : second + STORED] = other, one


def _swap_slots(draw: st.DrawFn, data: bytearray, others: list[bytes]) -> None:
    slots = [bytes(SLOT), b"\xff" * SLOT, bytes(data[SLOT_A:SLOT_B]), bytes(data[SLOT_B:HEADER])]
    slots += [other[SLOT_A:SLOT_B] for other in others]
    data[SLOT_A:HEADER] = draw(st.sampled_from(slots)) + draw(st.sampled_from(slots))


def _set_header(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    field = draw(st.integers(0, 31))
    data[field : field + 1] = bytes([draw(st.integers(0, 255))])


def _set_trailer(draw: st.DrawFn, data: bytearray, _: list[bytes]) -> None:
    room = len(data) - TRAILER
    near = st.integers(-40, 40).map(lambda around: max(0, room + around))
    length = draw(st.one_of(st.sampled_from(BOUNDARIES), near, st.integers(0, (1 << 32) - 1)))
    fitting = st.just(max(0, room - length))
    offset = draw(st.one_of(fitting, st.sampled_from(BOUNDARIES + POWERS), near))
    data[-TRAILER:] = struct.pack(">QI4s", offset % (1 << 64), length, b"DMSE")


CHANGES = [
    _flip,
    _truncate,
    _cut,
    _splice,
    _insert,
    _swap_frames,
    _swap_slots,
    _set_header,
    _set_trailer,
]


@FUZZ
@given(data=st.data(), name=st.sampled_from(sorted(CONTENTS)))
def test_a_changed_blob_gives_its_content_or_a_documented_error(
    target: Target, data: st.DataObject, name: str
) -> None:
    original, content = target.blobs[name], CONTENTS[name]
    others = [target.other, target.strange, target.blobs["text"]]
    blob = data.draw(mutations(original, others))
    digest = sha256(content)
    offset, length = data.draw(st.integers(0, 500)), data.draw(st.integers(0, 900))
    # An index in pages is as large as it was before anybody changed it.
    most = MEMORY + 4 * len(original)
    worked = bounded(most, lambda: target.use(blob, digest, offset, length))
    event(f"{name}: {len(worked)} of 6 worked")
    if blob[:SLOT_A] + blob[HEADER:] != original[:SLOT_A] + original[HEADER:]:
        assert "verify" not in worked


@FUZZ
@given(blob=st.binary(max_size=1_000), honest=st.booleans())
def test_any_bytes_give_a_documented_error(target: Target, blob: bytes, honest: bool) -> None:  # noqa: FBT001
    """With the first bytes of a blob or without."""
    data = (target.blobs["frames"][:SLOT_A] if honest else b"") + blob
    assert bounded(MEMORY, lambda: target.use(data, bytes(32), 0, 10)) == []


# -- blobs sealed with the right keys around anything ---------------------------------------------------

numbers = st.one_of(st.integers(0, 12), st.sampled_from(BOUNDARIES + POWERS))


@st.composite
def frames(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A frame's plaintext, and what a trusting reader would make of it.

    Content of any length, as it is or in zstd frames that lie about themselves.
    """
    content = draw(st.sampled_from([bytes(FRAME), b"x" * FRAME, noise(FRAME)]))
    kind = draw(st.sampled_from(["raw", "raw", "zstd", "zstd", *LIES]))
    if kind == "short":
        content = content[: draw(st.integers(0, FRAME))]
    if kind in {"raw", "short"}:
        return b"\0" + content, content
    if kind == "bomb":
        content = bytes(draw(st.sampled_from([FRAME + 1, 1 << 16, 1 << 22])))
    compressor = zstandard.ZstdCompressor(
        write_content_size=kind != "no size", write_checksum=kind == "checksum"
    )
    packed = compressor.compress(content)
    if kind == "two":
        packed *= 2
    if kind == "changed":
        at = draw(st.integers(0, len(packed) - 1))
        packed = packed[:at] + bytes([packed[at] ^ 1 << draw(st.integers(0, 7))]) + packed[at + 1 :]
    codec = draw(st.sampled_from([0, 2, 255])) if kind == "codec" else 1
    return bytes([codec]) + packed, content


LIES = ["short", "bomb", "no size", "checksum", "two", "changed", "codec"]


@st.composite
def forged(draw: st.DrawFn, keyring: Keyring) -> tuple[bytes, bytes]:
    """A blob whose every seal holds, and one or none of whose claims is wrong; and the name it is for."""
    wrong = draw(st.sampled_from(["", "log2", "length", "codec", "body", "size", "count", "gap"]))
    log2 = draw(st.sampled_from([7, 8, 19, 23])) if wrong == "log2" else 6
    sealer = BlobSealer.begin(keyring.storage_key(NAMESPACE), frame_log2=log2, random=os.urandom)
    blob = bytearray(sealer.header)
    drawn = draw(st.lists(frames(), max_size=4))
    for plaintext, _ in drawn:
        out = bytearray(len(plaintext) + 64)
        blob += out[: sealer.seal_frame(plaintext, memoryview(out))]
    lengths, codecs = list(sealer._entries.lengths), list(sealer._entries.codecs)
    if wrong in {"length", "codec"} and drawn:
        values, most = (lengths, (1 << 32) - 1) if wrong == "length" else (codecs, 255)
        values[draw(st.integers(0, len(values) - 1))] = min(draw(numbers), most)
    body = struct.pack(f">{len(lengths)}I", *lengths) + bytes(codecs)
    if wrong == "body":
        body = draw(st.one_of(st.binary(max_size=64), st.just(body * 2), st.just(body[:-1])))
    if wrong == "gap":
        blob += draw(st.binary(min_size=1, max_size=100))
    content = b"".join(content for _, content in drawn)
    size = draw(numbers) if wrong == "size" else len(content)
    count = draw(numbers) if wrong == "count" else -(-size // (1 << log2))
    digest = draw(st.sampled_from([sha256(content)] * 4 + [bytes(32)]))
    root = struct.pack(">Q32sQ", size % (1 << 64), digest, count % (1 << 64)) + body
    sealed = sealer._seal(fmt.nonce(fmt.DOMAIN_INDEX_ROOT, 0), root)
    return bytes(blob + sealed + fmt.Trailer(len(blob), len(sealed)).pack()), digest


@FUZZ
@given(data=st.data())
def test_a_forged_blob_gives_what_its_name_says_or_a_documented_error(
    target: Target, data: st.DataObject
) -> None:
    blob, digest = data.draw(forged(target.keyring))
    offset, length = data.draw(st.integers(0, 300)), data.draw(st.integers(0, 300))
    # Buffers for a frame of the size that the header claims, to read it and to write it anew.
    most = MEMORY + (4 << blob[10])
    worked = bounded(most, lambda: target.use(blob, digest, offset, length))
    event(f"{len(worked)} of 6 worked")


@FUZZ
@given(pages=st.binary(max_size=64), spoil=st.integers(0, PAGED_SIZE), value=numbers)
def test_a_forged_page_table_gives_a_documented_error(
    target: Target, pages: bytes, spoil: int, value: int
) -> None:
    """An index in pages, whose root is sealed anew over another table, size or count."""
    content = CONTENTS["paged"]
    original = target.blobs["paged"]
    sealer = BlobSealer.begin(
        target.keyring.storage_key(NAMESPACE), frame_log2=6, random=os.urandom
    )
    blob = bytearray(sealer.header + original[HEADER:-TRAILER])
    starts = [HEADER, HEADER + 4096 * STORED]
    starts[spoil % 2] = value % (1 << 64)
    body = struct.pack(">2Q", *starts) if spoil % 3 else pages
    claimed = value if spoil % 5 == 0 else len(content)
    count = value if spoil % 7 == 0 else -(-claimed // FRAME)
    root = struct.pack(">Q32sQ", claimed % (1 << 64), sha256(content), count % (1 << 64)) + body
    sealed = sealer._seal(fmt.nonce(fmt.DOMAIN_INDEX_ROOT, 0), root)
    blob += sealed + fmt.Trailer(len(blob), len(sealed)).pack()
    worked = bounded(MEMORY, lambda: target.use(bytes(blob), sha256(content), spoil, 100))
    assert set(worked) <= {"stat", "rekey"}


# -- keyrings -----------------------------------------------------------------------------------------


class Ring:
    """A keyring with some keys, to be changed and opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        keyring = Keyring.create(path, MASTER_KEY)
        for name in ("org-1", "org-2", "org-3"):
            keyring.storage_key(name)
        keyring.renew(["org-2"])
        self.data = path.read_bytes()
        self.namespaces = {
            bytes.fromhex(entry["id"]): entry["namespace"]
            for entry in json.loads(self.data)["keys"]
        }

    def use(self, data: bytes) -> bool:
        """Open it with these bytes: it fails as documented, or every key in it is whose it was."""
        self.path.write_bytes(data)
        try:
            keyring = Keyring.open(self.path, MASTER_KEY)
            for name in keyring.namespaces():
                for key_id in keyring.key_ids(name):
                    assert self.namespaces[key_id] == name
                    found = keyring.find(key_id)
                    assert found is not None
                    assert found.namespace == name
        except KEYRING_ERRORS as error:
            said = str(error)
        else:
            return True
        assert len(said) < 1_000
        return False


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Ring:
    return Ring(tmp_path_factory.mktemp("ring") / "keyring.json")


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=40),
        st.binary(max_size=70).map(lambda data: data.hex()),
        st.binary(max_size=70).map(lambda data: base64.b64encode(data).decode()),
        st.sampled_from(["org-1", "org-2", "../x", "\ud800", "dms-keyring", "0" * 5_000]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def changed_documents(draw: st.DrawFn, data: bytes) -> bytes:
    """The keyring with fields set to anything, exchanged, removed or repeated."""
    document: dict[str, Any] = json.loads(data)
    for _ in range(draw(st.integers(1, 3))):
        entries = document.get("keys")
        holders: list[dict[str, Any]] = [document]
        if isinstance(entries, list):
            holders += [entry for entry in entries if isinstance(entry, dict)] * 2
        holder = draw(st.sampled_from(holders))
        assume(holder)
        name = draw(st.sampled_from(sorted(holder)))
        match draw(st.sampled_from(["set", "remove", "exchange", "repeat", "reorder"])):
            case "set":
                holder[name] = draw(json_values)
            case "remove":
                del holder[name]
            case "exchange":
                other = draw(st.sampled_from(holders))
                if name in other:
                    holder[name], other[name] = other[name], holder[name]
            case "repeat" if isinstance(entries, list) and holder is not document:
                entries.append(copy.deepcopy(holder))
            case _ if isinstance(entries, list):
                document["keys"] = draw(st.permutations(entries))
    return json.dumps(document).encode()


@FUZZ
@given(data=st.data())
def test_a_changed_keyring_opens_with_nobody_elses_keys_or_fails_as_documented(
    ring: Ring, data: st.DataObject
) -> None:
    changed = data.draw(changed_documents(ring.data))
    event("opened" if bounded(MEMORY, lambda: ring.use(changed)) else "refused")


@FUZZ
@given(data=st.data())
def test_any_change_of_its_bytes_does_too(ring: Ring, data: st.DataObject) -> None:
    changed = bytearray(ring.data)
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(changed)))
        length = data.draw(st.sampled_from([0, 1, 1, 1, 50, 2_000]))
        changed[start : start + length] = data.draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from([b"", b"[" * 5_000, b"9" * 5_000, b"\xff\xfe", b'"', b"\\ud800"]),
            )
        )
    bounded(MEMORY, lambda: ring.use(bytes(changed)))


@pytest.mark.parametrize(
    "unit", [b"[],", b"{},", b"0,", b'"",', b"[", b'{"a":'], ids=lambda unit: unit.decode()
)
def test_a_keyring_that_would_cost_far_more_than_its_size_is_not_parsed(
    ring: Ring, unit: bytes
) -> None:
    """Empty lists take twenty times their text, once they are parsed."""
    hostile = b"[" + unit * ((MAX_FILE_SIZE - 2) // len(unit)) + b"]"
    assert not bounded(2 * len(hostile), lambda: ring.use(hostile))


def test_the_largest_keyring_there_may_be_takes_bounded_memory(ring: Ring) -> None:
    """As many values as are let through, each as costly as its text allows."""
    unit = b'[],"' + b"x" * 90 + b'",'
    hostile = b'{"keys":[' + unit * (MAX_FILE_SIZE // len(unit) - 1) + b"0]}"
    assert len(hostile) > MAX_FILE_SIZE - 1_000

    def parse() -> None:
        with pytest.raises(KeyringDamagedError, match="fields are not"):
            KeyringDocument.parse(hostile, ring.path)

    bounded(8 * MAX_FILE_SIZE, parse)


# -- memory of the process, over many ----------------------------------------------------------------

MANY = """
import random, re, sys
from pathlib import Path
from tests.storage.test_fuzz import BLOB_ERRORS, CONTENTS, Target
from tests.storage.helpers import sha256

target = Target(Path(sys.argv[1]))
source = random.Random(1)
original, digest = target.blobs["frames"], sha256(CONTENTS["frames"])

def some(count):
    for _ in range(count):
        blob = bytearray(original)
        for _ in range(source.randint(1, 4)):
            blob[source.randrange(len(blob))] ^= 1 << source.randrange(8)
        end = source.choice([len(blob), source.randrange(len(blob))])
        target.use(bytes(blob[:end]), digest, 0, 100)

def most():
    # Of this program alone: `ru_maxrss` begins with that of the process that started it.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

some(200)
before = most()
descriptors = len(list(Path("/proc/self/fd").iterdir()))
some(1000)
assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
print(most() - before, most())
"""


def test_thousands_of_hostile_blobs_leave_no_memory_and_no_file_open(tmp_path: Path) -> None:
    """Resident memory, which also shows what libraries keep outside of Python's sight."""
    command = [sys.executable, "-c", MANY, str(tmp_path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    grown, most = map(int, run.stdout.split())
    assert grown < 8 << 10, f"{grown} KiB more"
    assert most < 1 << 20, f"{most} KiB"
