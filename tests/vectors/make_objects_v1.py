"""Makes the golden name objects of version 1, good and damaged, with the answer each must get.

The blob is `frames` of `make_blob_v1`, stored as large ones are: the name object here, and the data object that is
that blob's file from its 192nd byte on. Run it only for a new version of the format.
"""

import json
from pathlib import Path
from typing import Any

import obstore
from obstore.store import MemoryStore

from storage import BlobStore, Keyring
from storage._bucket import Bucket
from storage._objectdraft import Limits
from storage._objects import ObjectBackend
from tests.vectors import make_blob_v1 as blobs
from tests.vectors.make_blob_v1 import flip, put, seeded

MANIFEST = Path(__file__).parent / "objects-v1.json"
NAME = "frames"
DATA_ID = 196
LENGTH = 212


def write_objects() -> dict[str, bytes]:
    """What the store writes of the blob, by key."""
    bucket = MemoryStore()
    backend = ObjectBackend(Bucket(bucket), limits=Limits(small=0), random=seeded(0))
    keyring = Keyring.open(blobs.HERE / "keyring.json", blobs.MASTER_KEY)
    store = BlobStore(
        backend,
        keyring,
        frame_log2=blobs.FRAME_LOG2,
        random=seeded(int.from_bytes(NAME.encode(), "big")),
    )
    with store.writer(blobs.NAMESPACE) as writer:
        writer.write(blobs.CONTENTS[NAME])
        writer.finish().publish()
    store.close()
    listed = [meta["path"] for chunk in obstore.list(bucket) for meta in chunk]
    return {key: bytes(obstore.get(bucket, key).bytes()) for key in listed}


def damages(name: bytes) -> dict[str, tuple[bytes, str, str | None]]:
    """Name objects that were changed: the bytes, the error and its part."""
    length = int.from_bytes(name[LENGTH : LENGTH + 8], "big")
    changed = {
        "header-blob-id": (flip(16), "BlobDamagedError", "key slot A"),
        "version": (put(192, b"\x02"), "UnsupportedVersionError", None),
        "reserved": (flip(195), "UnsupportedVersionError", None),
        "data-id": (flip(DATA_ID), "BlobDamagedError", "file"),
        "length-short": (put(LENGTH, (length - 1).to_bytes(8, "big")), "BlobDamagedError", "trailer"),
        "length-long": (put(LENGTH, (length + 1).to_bytes(8, "big")), "BlobDamagedError", "trailer"),
        "length-huge": (put(LENGTH, b"\xff" * 8), "BlobDamagedError", "trailer"),
        "magic": (flip(-1), "BlobDamagedError", "file"),
        "truncated": (lambda data: data[:-1], "BlobDamagedError", "file"),
    }  # fmt: skip
    return {key: (change(name), *answer) for key, (change, *answer) in changed.items()}


def make_manifest() -> dict[str, Any]:
    """The objects as hexadecimal text, and what each damaged name must give."""
    written = write_objects()
    name_key = next(key for key in written if "/blobs/" in key)
    data_key = next(key for key in written if "/data/" in key)
    bad = [
        {"name": label, "bytes": data.hex(), "error": error, "part": part}
        for label, (data, error, part) in damages(written[name_key]).items()
    ]
    return {
        "name_key": name_key,
        "data_key": data_key,
        "name": written[name_key].hex(),
        "data": written[data_key].hex(),
        "damaged": bad,
    }


if __name__ == "__main__":
    MANIFEST.write_text(json.dumps(make_manifest(), indent=1) + "\n")
