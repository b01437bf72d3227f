"""The keyring: the storage keys of every namespace, each wrapped by the master key.

A small file that several processes share; ``_keyring_file`` knows its fields. What is wrapped by a
storage key is the business of ``_slots``.

Three things change a keyring. A namespace's first use *makes* its key. ``renew`` gives namespaces
a newer key beside the old ones, and ``retire`` removes old ones that no blob needs. ``rotate``
wraps everything under another master key. Each writes the whole file anew, under its lock: a
process that dies in between has changed nothing.

Every process that writes blobs looks at the file before it begins one and, through
``newest_held``, when it gives one its name. So once ``renew`` has returned, no blob appears under
an older key, however long ago its writing began and whichever process wrote it.
"""

import base64
import binascii
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage._errors import (
    KeyringDamagedError,
    KeyringExistsError,
    KeyringNotFoundError,
    WrongKeyError,
)
from storage._format import KEY_ID_SIZE, KEY_SIZE, NONCE_SIZE
from storage._keyring_file import CHECK, MAX_FILE_SIZE, Entry, KeyringDocument
from storage._names import require_namespace
from storage._osfiles import (
    exclusive_lock,
    make_directory,
    replace_file,
    shared_lock,
    store_errors,
)

_CONTEXT: Final = b"dms-keyring\x00\x01"

_WRONG_MASTER_KEY: Final = (
    "the master key (ENCRYPTION_KEY) is not the one that the keyring at {path} was made with or last "
    "rotated to; use the key that was kept then, or the keyring that belongs to this key. "
    "Without the two of them nothing can be read"
)
_ROTATED: Final = (
    "the master key of the keyring at {path} was rotated since this process opened it; "
    "start the process again, with the new key"
)


def parse_master_key(base64_text: str) -> bytes:
    """The 32 bytes of a master key, from the Base64 text of ``ENCRYPTION_KEY``.

    Surrounding white space is ignored. Raises ``WrongKeyError`` when the text is not Base64 or
    not of 32 bytes; the message never repeats the text.
    """
    try:
        key = base64.b64decode(base64_text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise WrongKeyError("the master key (ENCRYPTION_KEY) is not Base64") from None
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


@dataclass(frozen=True, slots=True)
class _Content:
    """What a process knows of the file as it last saw it.

    ``ours`` is false once another master key rules: then ``by_id`` has only keys held before.
    """

    document: KeyringDocument
    by_id: dict[bytes, StorageKey]
    newest: dict[str, bytes]
    ours: bool


_NOTHING: Final = _Content(KeyringDocument(b"", b""), {}, {}, ours=True)


class Keyring:
    """Storage keys by namespace, read from a file and opened with the master key.

    Threads may share one object and processes one file: what another process changed is seen at
    the next use. A process whose master key was rotated away keeps the keys it holds, and raises
    ``WrongKeyError`` where it would need another.
    """

    def __init__(
        self, path: Path, master_key: bytes, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._master = AESGCM(_require_key_size(master_key))
        self._random = random
        # Taken after the file's lock where both are, and never the other way round.
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._content = _NOTHING

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
        check = keyring._wrap(keyring._master, CHECK, _CONTEXT + identity)
        with store_errors("creating the keyring"):
            make_directory(path.parent)
            with exclusive_lock(keyring._lock_path):
                if path.exists():
                    raise KeyringExistsError(path)
                replace_file(path, KeyringDocument(identity, check).dump())
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
        require_namespace(namespace)
        with self._lock:
            self._refresh()
            key = self._newest(namespace)
        return key or self._make_first(namespace)

    def find(self, key_id: bytes) -> StorageKey | None:
        """The key of this id, also one another process has just made; ``None`` if unknown.

        Raises ``WrongKeyError`` where only a keyring that was rotated away could tell.
        """
        with self._lock:
            key = self._content.by_id.get(key_id)
            if key is None:
                self._refresh()
                key = self._content.by_id.get(key_id)
            if key is None:
                self._require_ours()
            return key

    @contextmanager
    def newest_held(self, namespace: str) -> Iterator[StorageKey]:
        """The newest key of a namespace that has one; it stays the newest while the block runs.

        Any number of threads and processes may be inside; changes to the keyring wait for them.
        """
        with ExitStack() as stack:
            with store_errors("locking the keyring"):
                stack.enter_context(shared_lock(self._lock_path))
            with self._lock:
                self._refresh()
                key = self._newest(namespace)
            if key is None:
                message = f"the keyring has no key of namespace {namespace!r} any more"
                raise WrongKeyError(message)
            yield key

    def key_ids(self, namespace: str) -> list[bytes]:
        """The ids of a namespace's keys, the newest last; empty before its first use."""
        with self._lock:
            self._refresh()
            entries = self._content.document.entries
        return [entry.key_id for entry in entries if entry.namespace == namespace]

    def check(self) -> None:
        """Look whether the keyring can be read and still opens with this process's master key.

        Raises ``WrongKeyError`` once that was rotated away, and what reading it raises.
        """
        with self._lock:
            self._refresh()
            self._require_ours()

    def namespaces(self) -> list[str]:
        """The namespaces that have a key, sorted."""
        with self._lock:
            self._refresh()
            return sorted(self._content.newest)

    def renew(self, namespaces: Collection[str]) -> dict[str, list[bytes]]:
        """Give each of these namespaces a newer storage key, all in one step.

        If one of them has more than one key already, an earlier renewal is not finished (blobs
        may need the older ones) and none gets another. Namespaces never used get none either.
        Returns the ids of the keys to be retired, by namespace.
        """
        with self._changing("adding keys to the keyring") as document:
            older = _older_keys(document, namespaces)
            if not older:
                used = [name for name in namespaces if name in self._content.newest]
                fresh = tuple(self._new_entry(document, name) for name in used)
                self._write(replace(document, entries=document.entries + fresh), self._master)
                older = _older_keys(self._content.document, namespaces)
        return older

    def retire(self, namespace: str, key_ids: Collection[bytes]) -> None:
        """Remove keys of a namespace. What is sealed under them can never be read again.

        The caller has made sure that no blob is. Ids that are gone already are ignored. Raises
        ``ValueError`` for the newest.
        """
        with self._changing("removing keys from the keyring") as document:
            if self._content.newest.get(namespace) in key_ids:
                raise ValueError("the newest key of a namespace is not retired")
            kept = tuple(
                entry
                for entry in document.entries
                if entry.namespace != namespace or entry.key_id not in key_ids
            )
            if kept != document.entries:
                self._write(replace(document, entries=kept), self._master)

    def rotate(self, new_master_key: bytes) -> None:
        """Wrap every storage key under another master key; no storage key and no blob changes.

        From then on the keyring opens with the new key alone. Other processes keep the keys they
        hold until they are started again. Raises ``WrongKeyError`` if the new key is not of 32
        bytes, or is the one in use.
        """
        new = AESGCM(_require_key_size(new_master_key))
        with self._changing("rotating the master key") as document:
            if _unwraps(new, document.check, _check_context(document)):
                raise WrongKeyError("the new master key is the one in use")
            rotated = KeyringDocument(
                document.identity,
                self._wrap(new, CHECK, _check_context(document)),
                tuple(self._rewrap(document, entry, new) for entry in document.entries),
            )
            self._write(rotated, new)

    def _newest(self, namespace: str) -> StorageKey | None:
        key_id = self._content.newest.get(namespace)
        key = self._content.by_id.get(key_id) if key_id is not None else None
        if key is None:
            self._require_ours()
        return key

    def _require_ours(self) -> None:
        if not self._content.ours:
            raise WrongKeyError(_ROTATED.format(path=self._path))

    @contextmanager
    def _changing(self, doing: str) -> Iterator[KeyringDocument]:
        """The document as it is now, and nobody else changes it while the block runs."""
        with store_errors(doing), exclusive_lock(self._lock_path), self._lock:
            self._refresh()
            self._require_ours()
            yield self._content.document

    def _make_first(self, namespace: str) -> StorageKey:
        with self._changing("adding a key to the keyring") as document:
            if namespace not in self._content.newest:
                entry = self._new_entry(document, namespace)
                self._write(replace(document, entries=(*document.entries, entry)), self._master)
            return self._content.by_id[self._content.newest[namespace]]

    def _new_entry(self, document: KeyringDocument, namespace: str) -> Entry:
        key_id = self._random(KEY_ID_SIZE)
        key = self._random(KEY_SIZE)
        context = _entry_context(document, key_id, namespace)
        return Entry(key_id, namespace, self._wrap(self._master, key, context))

    def _rewrap(self, document: KeyringDocument, entry: Entry, new: AESGCM) -> Entry:
        context = _entry_context(document, entry.key_id, entry.namespace)
        secret = self._unwrap_entry(self._master, document, entry)
        return replace(entry, wrapped=self._wrap(new, secret, context))

    def _wrap(self, master: AESGCM, secret: bytes, context: bytes) -> bytes:
        nonce = self._random(NONCE_SIZE)
        return nonce + master.encrypt(nonce, secret, context)

    def _unwrap_entry(self, master: AESGCM, document: KeyringDocument, entry: Entry) -> bytes:
        context = _entry_context(document, entry.key_id, entry.namespace)
        try:
            return _unwrap(master, entry.wrapped, context)
        except InvalidTag as error:
            reason = f"the entry of namespace {entry.namespace!r} fails its seal"
            raise KeyringDamagedError(self._path, reason) from error

    def _write(self, document: KeyringDocument, master: AESGCM) -> None:
        """Replace the file, once it is known that every key in it opens with this master key."""
        self._open(document, master, held={})
        replace_file(self._path, document.dump())
        self._master = master
        self._content = self._open(document, master, held=self._content.by_id)
        self._stamp = _stamp(self._path.stat())

    def _refresh(self) -> None:
        """Read the file again if it was replaced. The rename that replaces it is atomic."""
        with store_errors("reading the keyring"):
            try:
                if _stamp(self._path.stat()) == self._stamp:
                    return
                with self._path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    data = file.read(min(status.st_size, MAX_FILE_SIZE) + 1)
            except FileNotFoundError as error:
                raise KeyringNotFoundError(self._path) from error
        document = KeyringDocument.parse(data, self._path)
        self._content = self._open(document, self._master, held=self._content.by_id)
        self._stamp = _stamp(status)

    def _open(
        self, document: KeyringDocument, master: AESGCM, *, held: Mapping[bytes, StorageKey]
    ) -> _Content:
        ours = _unwraps(master, document.check, _check_context(document))
        if not ours and document.identity != self._content.document.identity:
            raise WrongKeyError(_WRONG_MASTER_KEY.format(path=self._path))
        by_id: dict[bytes, StorageKey] = {}
        for entry in document.entries:
            key = held.get(entry.key_id)
            if key is not None and key.namespace == entry.namespace:
                by_id[entry.key_id] = key
            elif ours:
                cipher = AESGCM(self._unwrap_entry(master, document, entry))
                by_id[entry.key_id] = StorageKey(entry.key_id, entry.namespace, cipher)
        newest = {entry.namespace: entry.key_id for entry in document.entries}
        return _Content(document, by_id, newest, ours)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    """What differs between any two files that were the keyring; see ``replace_file``."""
    return status.st_ino, status.st_mtime_ns, status.st_size


def _older_keys(document: KeyringDocument, namespaces: Collection[str]) -> dict[str, list[bytes]]:
    """The ids of all keys but the newest, for those of the namespaces that have more than one."""
    ids: dict[str, list[bytes]] = {name: [] for name in namespaces}
    for entry in document.entries:
        if entry.namespace in ids:
            ids[entry.namespace].append(entry.key_id)
    return {name: found[:-1] for name, found in ids.items() if len(found) > 1}


def _check_context(document: KeyringDocument) -> bytes:
    return _CONTEXT + document.identity


def _entry_context(document: KeyringDocument, key_id: bytes, namespace: str) -> bytes:
    return _CONTEXT + document.identity + key_id + namespace.encode()


def _unwrap(master: AESGCM, sealed: bytes, context: bytes) -> bytes:
    return master.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], context)


def _unwraps(master: AESGCM, sealed: bytes, context: bytes) -> bool:
    try:
        _unwrap(master, sealed, context)
    except InvalidTag:
        return False
    return True
