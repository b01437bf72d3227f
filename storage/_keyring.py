"""The keyring: one storage key per namespace, each wrapped by the master key.

A small JSON file that several processes share; FORMAT.md gives its fields. It knows nothing of
blobs: what is wrapped by a storage key is the business of ``_seal`` and ``_unseal``.
"""

import base64
import binascii
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage._errors import (
    KeyringDamagedError,
    KeyringExistsError,
    KeyringNotFoundError,
    UnsupportedVersionError,
    WrongKeyError,
)
from storage._format import KEY_ID_SIZE, KEY_SIZE, NONCE_SIZE
from storage._names import require_namespace
from storage._osfiles import exclusive_lock, make_directory, replace_file, store_errors

_FORMAT: Final = "dms-keyring"
_VERSION: Final = 1
_CONTEXT: Final = b"dms-keyring\x00\x01"
_CHECK: Final = b"the master key opens this"
_MAX_FILE_SIZE: Final = 64 << 20

_WRONG_MASTER_KEY = (
    "the master key (ENCRYPTION_KEY) is not the one the keyring at {path} was made with; "
    "use the key that was kept when the store was created. Without it nothing can be read"
)


def parse_master_key(base64_text: str) -> bytes:
    """The 32 bytes of a master key, from the Base64 text of ``ENCRYPTION_KEY``.

    Surrounding white space is ignored. Raises ``WrongKeyError`` when the text is not Base64 or
    not of 32 bytes; the message never repeats the text.
    """
    try:
        key = base64.b64decode(base64_text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongKeyError("the master key (ENCRYPTION_KEY) is not Base64") from error
    return _require_key_size(key)


def _require_key_size(key: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        message = f"the master key (ENCRYPTION_KEY) has {len(key)} bytes instead of {KEY_SIZE}"
        raise WrongKeyError(message)
    return key


@dataclass(frozen=True, slots=True)
class StorageKey:
    """A namespace's key: it wraps the data keys of the namespace's blobs and nothing else."""

    key_id: bytes
    namespace: str
    cipher: AESGCM = field(repr=False)


class Keyring:
    """Storage keys by namespace, read from a file and opened with the master key.

    Threads may share one object and processes one file: a key made by another process is found
    as soon as it is asked for.
    """

    def __init__(
        self, path: Path, master_key: bytes, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._path = path
        self._master = AESGCM(_require_key_size(master_key))
        self._random = random
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._identity = b""
        self._document: dict[str, Any] = {}
        self._by_id: dict[bytes, StorageKey] = {}
        self._newest: dict[str, StorageKey] = {}

    @classmethod
    def create(
        cls, path: Path, master_key: bytes, *, random: Callable[[int], bytes] = os.urandom
    ) -> "Keyring":
        """Make a new, empty keyring file (mode 0600) and open it.

        Raises ``KeyringExistsError`` where there is one, ``WrongKeyError`` for a key that is not
        of 32 bytes.
        """
        keyring = cls(path, master_key, random=random)
        identity = random(KEY_ID_SIZE)
        document = {
            "format": _FORMAT,
            "version": _VERSION,
            "id": identity.hex(),
            "check": keyring._wrap(_CHECK, _CONTEXT + identity),
            "keys": [],
        }
        with store_errors("creating the keyring"):
            make_directory(path.parent)
            with exclusive_lock(_lock_path(path)):
                if path.exists():
                    raise KeyringExistsError(path)
                replace_file(path, _dump(document))
        keyring._refresh()
        return keyring

    @classmethod
    def open(cls, path: Path, master_key: bytes) -> "Keyring":
        """Open an existing keyring.

        Raises ``KeyringNotFoundError``, ``WrongKeyError`` when the master key is another one,
        ``KeyringDamagedError`` and ``UnsupportedVersionError``.
        """
        keyring = cls(path, master_key)
        keyring._refresh()
        return keyring

    def storage_key(self, namespace: str) -> StorageKey:
        """The namespace's newest key; made and written durably on first use."""
        with self._lock:
            key = self._newest.get(namespace)
            if key is None:
                key = self._find_or_make(require_namespace(namespace))
            return key

    def find(self, key_id: bytes) -> StorageKey | None:
        """The key of this id, also one another process has just made; ``None`` if unknown."""
        with self._lock:
            key = self._by_id.get(key_id)
            if key is None:
                self._refresh()
                key = self._by_id.get(key_id)
            return key

    def _find_or_make(self, namespace: str) -> StorageKey:
        with store_errors("adding a key to the keyring"), exclusive_lock(_lock_path(self._path)):
            self._refresh()
            if namespace not in self._newest:
                self._add(namespace)
        return self._newest[namespace]

    def _add(self, namespace: str) -> None:
        key_id = self._random(KEY_ID_SIZE)
        key = self._random(KEY_SIZE)
        entry = {
            "id": key_id.hex(),
            "namespace": namespace,
            "wrapped": self._wrap(key, self._entry_context(key_id, namespace)),
        }
        document = {**self._document, "keys": [*self._document["keys"], entry]}
        replace_file(self._path, _dump(document))
        self._refresh()

    def _entry_context(self, key_id: bytes, namespace: str) -> bytes:
        return _CONTEXT + self._identity + key_id + namespace.encode()

    def _wrap(self, secret: bytes, context: bytes) -> str:
        nonce = self._random(NONCE_SIZE)
        return base64.b64encode(nonce + self._master.encrypt(nonce, secret, context)).decode()

    def _unwrap(self, text: str, context: bytes) -> bytes:
        sealed = base64.b64decode(text, validate=True)
        return self._master.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], context)

    def _refresh(self) -> None:
        """Read the file again if it was replaced. The rename that replaces it is atomic."""
        with store_errors("reading the keyring"):
            try:
                status = self._path.stat()
                stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
                if stamp == self._stamp:
                    return
                if status.st_size > _MAX_FILE_SIZE:
                    raise KeyringDamagedError(self._path, "it is far larger than any keyring")
                data = self._path.read_bytes()
            except FileNotFoundError as error:
                raise KeyringNotFoundError(self._path) from error
        self._load(data)
        self._stamp = stamp

    def _load(self, data: bytes) -> None:
        try:
            document = json.loads(data)
            if document["format"] != _FORMAT:
                raise KeyringDamagedError(self._path, "it is another kind of file")
            if document["version"] != _VERSION:
                message = f"keyring version {document['version']!r} is unknown to this program"
                raise UnsupportedVersionError(message)
            self._identity = bytes.fromhex(document["id"])
            self._check_master_key(document["check"])
            for entry in document["keys"]:
                self._load_entry(bytes.fromhex(entry["id"]), entry["namespace"], entry["wrapped"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise KeyringDamagedError(self._path, "its fields are not as they should be") from error
        self._document = document

    def _check_master_key(self, sealed: str) -> None:
        try:
            self._unwrap(sealed, _CONTEXT + self._identity)
        except InvalidTag as error:
            raise WrongKeyError(_WRONG_MASTER_KEY.format(path=self._path)) from error

    def _load_entry(self, key_id: bytes, namespace: str, wrapped: str) -> None:
        if key_id in self._by_id:
            return
        try:
            secret = self._unwrap(wrapped, self._entry_context(key_id, namespace))
        except InvalidTag as error:
            reason = f"the entry of namespace {namespace!r} fails its seal"
            raise KeyringDamagedError(self._path, reason) from error
        key = StorageKey(key_id, namespace, AESGCM(secret))
        self._by_id[key_id] = key
        self._newest[namespace] = key


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _dump(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
