"""Secrets of links that are sent by mail: made when the letter is written, kept as a hash alone.

A link's row holds a nonce. The secret is a keyed hash of it (`TokenSigner.fingerprint`), so that the worker can make it
at the moment of sending, as often as it must, while neither the database nor any queue holds what opens the link.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from backend.identity.tokens import TokenSigner

_NONCE_BYTES = 32


class Purpose(StrEnum):
    """What a link is for; a secret made for one is good for no other."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password reset"  # noqa: S105  # what a link is for


@dataclass(frozen=True, slots=True)
class LinkSecret:
    """A new link's nonce, and the hash its secret is known by."""

    nonce: bytes
    hash: bytes

    @classmethod
    def new(cls, signer: TokenSigner, purpose: Purpose) -> "LinkSecret":
        """Return the secret of a new link."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return cls(nonce, hash_of(secret_of(signer, purpose, nonce)))


def secret_of(signer: TokenSigner, purpose: Purpose, nonce: bytes) -> str:
    """Return what a link carries: 256 bits, in letters that need no quoting."""
    secret = signer.fingerprint("link", purpose, nonce.hex())
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def hash_of(secret: str) -> bytes:
    """Return what the database keeps of a secret, which has 256 bits: no salt, no work factor needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
