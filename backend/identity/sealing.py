"""Sealing small secrets that the database must not hold in plain, such as those of authenticator apps.

They are sealed with AES-256-GCM under a key of the installation's keyring, which the master key opens: `dms keys
rotate` changes the master key and leaves them readable. What is sealed names its key and is bound to what it belongs
to: put into another row it does not open.
"""

import os

from cryptography.exceptions import InvalidTag

from storage import Keyring

NAMESPACE = "identity"
"""The namespace of the key, beside those of the organisations (`org-7`)."""
_VERSION = b"\x01"
_KEY_ID = 16
_NONCE = 12


class SealBrokenError(Exception):
    """What was sealed was altered, belongs elsewhere, or its key is gone."""


class Sealer:
    """Seals and opens secrets. Quick; the first use in an installation makes the key."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, secret: bytes, *, belongs_to: str) -> bytes:
        """Return a secret sealed: version, id of the key, nonce, ciphertext."""
        key = self._keyring.storage_key(NAMESPACE)
        nonce = os.urandom(_NONCE)
        sealed = key.cipher.encrypt(nonce, secret, _context(belongs_to))
        return _VERSION + key.key_id + nonce + sealed

    def open(self, sealed: bytes, *, belongs_to: str) -> bytes:
        """Return the secret.

        Raises:
            SealBrokenError: it cannot be had.
        """
        version, rest = sealed[:1], sealed[1:]
        key = self._keyring.find(rest[:_KEY_ID]) if version == _VERSION else None
        if key is None or key.namespace != NAMESPACE:
            raise SealBrokenError(belongs_to)
        nonce = rest[_KEY_ID : _KEY_ID + _NONCE]
        try:
            return key.cipher.decrypt(nonce, rest[_KEY_ID + _NONCE :], _context(belongs_to))
        except (InvalidTag, ValueError) as error:
            raise SealBrokenError(belongs_to) from error


def _context(belongs_to: str) -> bytes:
    return f"dms identity {belongs_to}".encode()
