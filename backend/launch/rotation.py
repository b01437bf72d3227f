"""Changing the master key that `dms up` made: the next one waits in a file of its own until the keyring is under it.

At every moment one of the two files holds a key that opens the keyring; a rotation that was interrupted is finished by
the next. The former key is kept: backups of the time before need it.
"""

import base64
import fcntl
import os
from pathlib import Path

from backend.content.keys import unfinished_rotation
from backend.core.clock import now
from backend.core.encryption_key import EncryptionKeyError, KeySource
from backend.core.settings import Settings
from backend.launch.layout import sync_directory, write_private
from storage import Keyring, WrongKeyError

_KEY_SIZE = 32


def generate_key() -> str:
    """Return a new master key as base64 text."""
    return base64.b64encode(os.urandom(_KEY_SIZE)).decode()


def read_key(path: Path) -> bytes:
    """Return the key in a file.

    Raises:
        EncryptionKeyError: the file cannot be read, or holds no key.
    """
    return KeySource(value=None, file=None, command=None, own_file=path).read()


def make_key_file(path: Path) -> None:
    """Put a new master key into a file, mode 0600, durably, unless the file exists."""
    if not path.exists():
        write_private(path, generate_key() + "\n")


def rotate_own_key(settings: Settings) -> Path:
    """Make another master key, bring the keyring under it, and put it in the place of the former.

    Returns where the former one is kept now.

    Raises:
        EncryptionKeyError: neither the key in use nor the next one opens the keyring.
    """
    own = settings.key_source.own_file
    with (own.parent / "rotation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        new = unfinished_rotation(own)
        make_key_file(new)
        if not _opens(settings, read_key(new)):
            _open(settings, read_key(own)).rotate(read_key(new))
        former = own.with_name(f"{own.name}.until-{now():%Y%m%dT%H%M%S%fZ}")
        os.link(own, former)
        new.replace(own)
        sync_directory(own.parent)
    return former


def _open(settings: Settings, key: bytes) -> Keyring:
    try:
        return Keyring.open(settings.keyring_path, key)
    except WrongKeyError:
        raise EncryptionKeyError(
            f"Neither the key in {settings.key_source.own_file} nor the one that was to follow it opens the keyring at"
            f" {settings.keyring_path}. Put back the key that was kept; nothing was changed."
        ) from None


def _opens(settings: Settings, key: bytes) -> bool:
    try:
        Keyring.open(settings.keyring_path, key)
    except WrongKeyError:
        return False
    return True
