"""The keyring's file: which fields it has, and when it is damaged. Nothing is unsealed here.

FORMAT.md specifies it. Whoever wrote the file may be hostile: its size and the number of values in
it are bounded before it is parsed, and every field has its exact length before it is used.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storage._errors import KeyringDamagedError, StoreFullError, UnsupportedVersionError
from storage._format import KEY_ID_SIZE, KEY_SIZE, NONCE_SIZE, TAG_SIZE
from storage._names import is_namespace

_FORMAT: Final = "dms-keyring"
_VERSION: Final = 1
CHECK: Final = b"the master key opens this"
MAX_FILE_SIZE: Final = 16 << 20
"""Bytes: room for about 100,000 keys."""
_FREE_VALUES: Final = 64
_BYTES_PER_VALUE: Final = 32
"""A JSON value costs the parser twenty times its text; a keyring's are longer than this."""

_SEALED_CHECK: Final = NONCE_SIZE + len(CHECK) + TAG_SIZE
_SEALED_KEY: Final = NONCE_SIZE + KEY_SIZE + TAG_SIZE


@dataclass(frozen=True, slots=True)
class Entry:
    """A storage key as the file has it: wrapped by the master key."""

    key_id: bytes
    namespace: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class KeyringDocument:
    """A keyring's fields. ``check`` tells whether a master key is the right one."""

    identity: bytes
    check: bytes
    entries: tuple[Entry, ...] = ()

    def dump(self) -> bytes:
        """The file's bytes. Raises ``StoreFullError`` where they would be too many to be read."""
        fields = {
            "format": _FORMAT,
            "version": _VERSION,
            "id": self.identity.hex(),
            "check": base64.b64encode(self.check).decode(),
            "keys": [_dump_entry(entry) for entry in self.entries],
        }
        data = (json.dumps(fields, indent=1) + "\n").encode()
        if len(data) > MAX_FILE_SIZE:
            raise StoreFullError("the keyring is full: it has as many keys as can be read")
        return data

    @classmethod
    def parse(cls, data: bytes, path: Path) -> "KeyringDocument":
        """Read a file's bytes. Raises ``KeyringDamagedError`` and ``UnsupportedVersionError``."""
        if not _plausible(data):
            raise KeyringDamagedError(path, "it is far larger than any keyring")
        try:
            fields = json.loads(data)
            if fields["format"] != _FORMAT:
                raise KeyringDamagedError(path, "it is another kind of file")
            _require_version(fields["version"])
            return cls(
                _exactly(bytes.fromhex(fields["id"]), KEY_ID_SIZE),
                _exactly(base64.b64decode(fields["check"], validate=True), _SEALED_CHECK),
                tuple(_parse_entries(fields["keys"])),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise KeyringDamagedError(path, "its fields are not as they should be") from error


def _plausible(data: bytes) -> bool:
    most_values = _FREE_VALUES + len(data) // _BYTES_PER_VALUE
    return len(data) <= MAX_FILE_SIZE and sum(map(data.count, (b",", b"[", b"{"))) <= most_values


def _require_version(version: Any) -> None:
    if type(version) is not int:
        raise TypeError("a version is a number")
    if version != _VERSION:
        message = f"keyring version {version} is unknown to this program"
        raise UnsupportedVersionError(message)


def _parse_entries(entries: Any) -> Iterable[Entry]:
    if not isinstance(entries, list):
        raise TypeError("the keys are a list")
    for fields in entries:
        namespace = fields["namespace"]
        if not is_namespace(namespace):
            raise ValueError("an entry names no namespace")
        yield Entry(
            _exactly(bytes.fromhex(fields["id"]), KEY_ID_SIZE),
            namespace,
            _exactly(base64.b64decode(fields["wrapped"], validate=True), _SEALED_KEY),
        )


def _dump_entry(entry: Entry) -> dict[str, str]:
    return {
        "id": entry.key_id.hex(),
        "namespace": entry.namespace,
        "wrapped": base64.b64encode(entry.wrapped).decode(),
    }


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError("a field has another length")
    return data
