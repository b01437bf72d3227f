"""Which namespaces and digests are well-formed, and where a blob lives below the root.

Paths only: no file is touched here.
"""

import re
from pathlib import Path
from typing import Final

from storage._format import DIGEST_SIZE

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
SHARD: Final = re.compile(r"[0-9a-f]{2}", re.ASCII)
BLOB_NAME: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
TEMPORARY: Final = "tmp"
DRAFTS: Final = "drafts"


def is_namespace(name: str) -> bool:
    """Whether this can name a namespace: 1 to 100 of ``A-Z a-z 0-9 . _ -``, no leading sign."""
    return _NAMESPACE.fullmatch(name) is not None


def require_namespace(name: str) -> str:
    """The name itself. Raises ``ValueError`` if it cannot be a namespace: a mistake in code."""
    if not is_namespace(name):
        message = f"{name!r} cannot name a namespace"
        raise ValueError(message)
    return name


def require_digest(digest: bytes) -> bytes:
    """The digest itself. Raises ``ValueError`` if it cannot be one: a mistake in code."""
    if len(digest) != DIGEST_SIZE:
        message = f"a digest has {DIGEST_SIZE} bytes, not {len(digest)}"
        raise ValueError(message)
    return digest


def shard_path(root: Path, namespace: str, digest: bytes) -> Path:
    """The directory ``root/namespace/a1/b2`` of a blob. Raises ``ValueError`` likewise."""
    name = require_digest(digest).hex()
    return root.joinpath(require_namespace(namespace), name[:2], name[2:4])


def blob_path(root: Path, namespace: str, digest: bytes) -> Path:
    """The file ``root/namespace/a1/b2/a1b2…`` of a blob."""
    return shard_path(root, namespace, digest) / digest.hex()


def temporary_path(root: Path, namespace: str) -> Path:
    """The directory of a namespace's unfinished blobs, in the same file system."""
    return root.joinpath(require_namespace(namespace), TEMPORARY)
