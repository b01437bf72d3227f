"""Makes the golden blobs of format version 1, good and damaged, with the answer each must get.

Run it only for a new format version: what is committed is the reference, and a difference after a
change of code is a change of format. Everything random comes from a fixed seed.
"""

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage import BlobStore, Keyring

HERE = Path(__file__).parent / "blob-v1"
MASTER_KEY = bytes(range(32))
NAMESPACE = "vectors"
FRAME_LOG2 = 6
FRAME = 1 << FRAME_LOG2
HEADER = 192
SLOT_A, SLOT_B, SLOT = 32, 112, 80
STORED = 28 + 1 + FRAME
"""Bytes in the file of a full frame that is stored raw."""

PAGED_SIZE = 4096 * FRAME + 1
"""One frame more than an index root holds: the smallest blob with index pages."""


def seeded(seed: int) -> Callable[[int], bytes]:
    """A source of the same bytes every time."""
    return random.Random(seed).randbytes  # noqa: S311 - the opposite of a secret is wanted


def noise(size: int) -> bytes:
    """Content that no version of zstd can make shorter, so its blobs never change."""
    return seeded(size + 1)(size)


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "one-byte": b"x",
    "one-frame": noise(FRAME),
    "one-frame-and-one": noise(FRAME + 1),
    "frames": noise(4 * FRAME + 10),
    "other": noise(4 * FRAME + 11),
    "compressed": b"to be, or not to be, " * 20,
}


def write_blob(folder: Path, name: str, content: bytes) -> bytes:
    """The bytes of the blob that a store with this vector's random source writes."""
    keyring = Keyring.open(HERE / "keyring.json", MASTER_KEY)
    store = BlobStore(
        folder, keyring, frame_log2=FRAME_LOG2, random=seeded(int.from_bytes(name.encode(), "big"))
    )
    with store.writer(NAMESPACE) as writer:
        writer.write(content)
        digest = writer.finish().publish().digest.hex()
    store.close()
    return (folder / NAMESPACE / digest[:2] / digest[2:4] / digest).read_bytes()


@dataclass(frozen=True)
class Damage:
    """A way to damage the blob ``frames``, and what reading all of it must then say."""

    change: Callable[[bytes], bytes]
    error: str = "BlobDamagedError"
    part: str | None = None
    number: int | None = None


def flip(offset: int) -> Callable[[bytes], bytes]:
    """Flip the lowest bit of one byte; negative offsets count from the end."""

    def change(blob: bytes) -> bytes:
        changed = bytearray(blob)
        changed[offset] ^= 1
        return bytes(changed)

    return change


def put(offset: int, data: bytes) -> Callable[[bytes], bytes]:
    """Overwrite bytes."""
    return lambda blob: blob[:offset] + data + blob[offset + len(data) :]


def frame_at(number: int) -> slice:
    """Where a full raw frame lies."""
    return slice(HEADER + number * STORED, HEADER + (number + 1) * STORED)


def mend_trailer(blob: bytes, shift: int) -> bytes:
    """Move the trailer's offset as one would who knows the format but not the key."""
    offset = int.from_bytes(blob[-16:-8], "big") + shift
    return blob[:-16] + offset.to_bytes(8, "big") + blob[-8:]


def swap_frames(blob: bytes) -> bytes:
    first, second = frame_at(0), frame_at(1)
    return blob[: first.start] + blob[second] + blob[first] + blob[second.stop :]


def duplicate_frame(blob: bytes) -> bytes:
    return blob[: frame_at(1).start] + blob[frame_at(0)] + blob[frame_at(1).stop :]


def drop_frame(blob: bytes) -> bytes:
    return blob[: frame_at(1).start] + blob[frame_at(1).stop :]


def repeat_frame(blob: bytes) -> bytes:
    return blob[: frame_at(1).start] + blob[frame_at(0)] + blob[frame_at(1).start :]


def torn_rotation(blob: bytes) -> bytes:
    """Slot B was written, then slot A was half emptied."""
    emptied = bytes(40) + blob[SLOT_A + 40 : SLOT_B]
    return blob[:SLOT_A] + emptied + blob[SLOT_A:SLOT_B] + blob[HEADER:]


def damages(other: bytes) -> dict[str, Damage]:
    """Every class of damage, by the name of its vector."""
    index = HEADER + 4 * STORED + 28 + 1 + 10
    return {
        "truncated-to-nothing": Damage(lambda blob: blob[:0], part="file"),
        "truncated-in-header": Damage(lambda blob: blob[:100], part="file"),
        "truncated-by-one": Damage(lambda blob: blob[:-1], part="trailer"),
        "truncated-after-frame-1": Damage(lambda blob: blob[: frame_at(1).stop], part="trailer"),
        "one-byte-appended": Damage(lambda blob: blob + b"\0", part="trailer"),
        "frames-swapped": Damage(swap_frames, part="frame", number=0),
        "frame-duplicated-over-next": Damage(duplicate_frame, part="frame", number=1),
        "frame-dropped": Damage(drop_frame, part="trailer"),
        "frame-dropped-trailer-mended": Damage(
            lambda blob: mend_trailer(drop_frame(blob), -STORED), part="index"
        ),
        "frame-repeated-trailer-mended": Damage(
            lambda blob: mend_trailer(repeat_frame(blob), STORED), part="index"
        ),
        "frame-of-another-blob": Damage(
            put(frame_at(1).start, other[frame_at(1)]), part="frame", number=1
        ),
        "body-of-another-blob": Damage(lambda blob: blob[:HEADER] + other[HEADER:], part="index"),
        "slots-of-another-blob": Damage(put(SLOT_A, other[SLOT_A:HEADER]), part="key slot A"),
        "another-blob-under-this-name": Damage(put(0, other), part="index"),
        "header-magic": Damage(flip(0), part="header"),
        "header-version": Damage(put(8, b"\x02"), error="UnsupportedVersionError"),
        "header-suite": Damage(put(9, b"\x02"), error="UnsupportedVersionError"),
        "header-frame-size": Damage(put(10, b"\x07"), part="key slot A"),
        "header-frame-size-too-small": Damage(put(10, b"\x05"), error="UnsupportedVersionError"),
        "header-frame-size-too-large": Damage(put(10, b"\xff"), error="UnsupportedVersionError"),
        "header-flags": Damage(flip(11), error="UnsupportedVersionError"),
        "header-reserved": Damage(flip(12), error="UnsupportedVersionError"),
        "header-blob-id": Damage(flip(16), part="key slot A"),
        "slot-key-id": Damage(flip(SLOT_A), error="WrongKeyError"),
        "slot-nonce": Damage(flip(SLOT_A + 16), part="key slot A"),
        "slot-tag": Damage(flip(SLOT_A + 28), part="key slot A"),
        "slot-wrapped-key": Damage(flip(SLOT_A + 44), part="key slot A"),
        "slot-reserved": Damage(flip(SLOT_A + 79), part="key slot A"),
        "slot-b-garbage": Damage(put(SLOT_B, bytes(range(1, 81))), part="key slot B"),
        "slots-empty": Damage(put(SLOT_A, bytes(2 * SLOT)), part="header"),
        "rotation-torn": Damage(torn_rotation, part="key slot A"),
        "frame-nonce": Damage(flip(frame_at(2).start), part="frame", number=2),
        "frame-tag": Damage(flip(frame_at(2).start + 12), part="frame", number=2),
        "frame-ciphertext": Damage(flip(frame_at(2).start + 28), part="frame", number=2),
        "last-frame": Damage(flip(index - 1), part="frame", number=4),
        "index-nonce": Damage(flip(index), part="index"),
        "index-tag": Damage(flip(index + 12), part="index"),
        "index-ciphertext": Damage(flip(index + 28), part="index"),
        "trailer-offset": Damage(flip(-9), part="trailer"),
        "trailer-length": Damage(lambda blob: blob[:-8] + b"\xff" * 4 + blob[-4:], part="trailer"),
        "trailer-magic": Damage(flip(-1), part="trailer"),
    }


def make_vectors() -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """All blobs by name, and the manifest that says what each must give."""
    blobs: dict[str, bytes] = {}
    manifest: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in CONTENTS.items():
            blobs[name] = write_blob(Path(folder) / name, name, content)
            digest = hashlib.sha256(content).hexdigest()
            manifest.append({"name": name, "digest": digest, "content": content.hex()})
    digest = hashlib.sha256(CONTENTS["frames"]).hexdigest()
    for name, damage in damages(blobs["other"]).items():
        blobs[name] = damage.change(blobs["frames"])
        entry = {"name": name, "digest": digest, "error": damage.error}
        manifest.append({**entry, "part": damage.part, "number": damage.number})
    return blobs, manifest


def main() -> None:
    """Write the vectors next to this file."""
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    Keyring.create(HERE / "keyring.json", MASTER_KEY, random=seeded(0)).storage_key(NAMESPACE)
    (HERE / "keyring.json.lock").unlink()
    blobs, manifest = make_vectors()
    for name, blob in blobs.items():
        (HERE / f"{name}.blob").write_bytes(blob)
    with tempfile.TemporaryDirectory() as folder:
        paged = write_blob(Path(folder), "paged", noise(PAGED_SIZE))
    document = {
        "master_key": MASTER_KEY.hex(),
        "namespace": NAMESPACE,
        "paged_blob_sha256": hashlib.sha256(paged).hexdigest(),
        "vectors": manifest,
    }
    (HERE / "manifest.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
