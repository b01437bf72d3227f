"""Content of the store's tests, and short ways to put it in. No fixtures, no asserts."""

import hashlib
import random
from pathlib import Path

from storage import BlobInfo, BlobStore

MASTER_KEY = bytes(range(32))
NAMESPACE = "org-1"


def noise(size: int, seed: int = 1) -> bytes:
    """Content that does not compress."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - it must be the same every time


def text(size: int, seed: int = 1) -> bytes:
    """Content that compresses."""
    source = random.Random(seed)  # noqa: S311 - it must be the same every time
    words = [b"frame", b"blob ", b"seal\n", b"digest ", b"x"]
    return b"".join(source.choices(words, k=size))[:size]


def put(store: BlobStore, content: bytes, namespace: str = NAMESPACE) -> BlobInfo:
    """Write, finish and publish."""
    with store.writer(namespace) as writer:
        writer.write(content)
        return writer.finish().publish()


def get(store: BlobStore, digest: bytes, namespace: str = NAMESPACE) -> bytes:
    """All of a blob."""
    with store.open(namespace, digest) as reader:
        return b"".join(reader.iter())


def file_of(root: Path, digest: bytes, namespace: str = NAMESPACE) -> Path:
    """Where the specification says the blob is."""
    name = digest.hex()
    return root / namespace / name[:2] / name[2:4] / name


def files_below(root: Path) -> list[Path]:
    """Every regular file, whatever its place."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def sha256(content: bytes) -> bytes:
    """The digest that names the content."""
    return hashlib.sha256(content).digest()
