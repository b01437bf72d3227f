"""Name objects: what has a large blob's name in object storage, and where the rest of it lies.

The packing of FORMAT.md's "Object storage" and the keys objects have; no requests here.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

from storage._errors import UnsupportedVersionError
from storage._format import HEADER_SIZE
from storage._names import BLOB_NAME, is_namespace, require_digest, require_namespace

_VERSION: Final = 1
_MAGIC: Final = b"DMSN"
_INTENT: Final = re.compile(r"\.intents/([^/]+)/([0-9a-f]{32})", re.ASCII)
_REFERENCE = struct.Struct(">B3s16sQ4s")
_RESERVED = bytes(3)
NAME_OBJECT_SIZE: Final = HEADER_SIZE + _REFERENCE.size
DATA_ID_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class NameObject:
    """The header of a large blob, and the data object that holds everything behind it."""

    header: bytes
    data_id: bytes
    length: int
    """Bytes of the data object."""

    def pack(self) -> bytes:
        """The object's bytes."""
        return self.header + _REFERENCE.pack(_VERSION, _RESERVED, self.data_id, self.length, _MAGIC)


def parse_name_object(data: bytes) -> NameObject | None:
    """Read the bytes of an object of ``NAME_OBJECT_SIZE``; ``None`` if it is none.

    Raises ``UnsupportedVersionError``.
    """
    version, reserved, data_id, length, magic = _REFERENCE.unpack(data[HEADER_SIZE:])
    if magic != _MAGIC:
        return None
    if version != _VERSION or reserved != _RESERVED:
        message = f"name object version {version} is unknown; this program reads {_VERSION}"
        raise UnsupportedVersionError(message)
    return NameObject(data[:HEADER_SIZE], data_id, length)


def blobs_prefix(namespace: str) -> str:
    """Below it are the names of a namespace's blobs."""
    return f"{require_namespace(namespace)}/blobs"


def blob_key(namespace: str, digest: bytes) -> str:
    """The key of a blob's name. Raises ``ValueError`` for what names no blob."""
    return f"{blobs_prefix(namespace)}/{require_digest(digest).hex()}"


def digest_of(key: str) -> bytes | None:
    """The digest that a key names; ``None`` if it is nothing of ours."""
    name = key.rpartition("/")[2]
    return bytes.fromhex(name) if BLOB_NAME.fullmatch(name) else None


def data_key(namespace: str, data_id: bytes) -> str:
    """The key of a data object."""
    return f"{namespace}/data/{data_id.hex()}"


INTENTS: Final = ".intents"
"""Below it are the intents of all namespaces, so that one list tells what may have to be cleared."""


def intent_key(namespace: str, data_id: bytes) -> str:
    """The key of the intent that guards a data object."""
    return f"{INTENTS}/{namespace}/{data_id.hex()}"


def guarded_by(key: str) -> tuple[str, bytes] | None:
    """Namespace and id of the data object that an intent guards; ``None`` if it is no intent."""
    found = _INTENT.fullmatch(key)
    return (found[1], bytes.fromhex(found[2])) if found and is_namespace(found[1]) else None
