"""Checkpoints as signed statements (Ed25519, RFC 8032), and the key that signs them.

The key is derived from a key of its own in the keyring, so it stays the same when the master key is rotated, and
whoever rules the database alone cannot make it. What is signed is ASCII: a line that says what it is, then JSON with
sorted keys and without white space. An exported checkpoint carries that text as it is: any Ed25519 tool verifies it.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.audit.errors import CheckpointFileError
from backend.audit.models import AuditCheckpoint, Purpose
from storage import Keyring

NAMESPACE = "audit-signing"
"""Whose key in the keyring the signing key comes from; nothing is ever stored under it."""
_DOMAIN = "dms audit checkpoint v1\n"


@dataclass(frozen=True, slots=True)
class Statement:
    """How an organisation's chain stood at a number: its hash there, and the count of events held up to there."""

    purpose: Purpose
    org_id: int
    seq: int
    hash: bytes
    count: int
    at: datetime

    def text(self) -> str:
        """Return what is signed."""
        body = {
            "count": self.count,
            "hash": self.hash.hex(),
            "organisation": self.org_id,
            "purpose": str(self.purpose),
            "sequence": self.seq,
            "time": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
        }
        return _DOMAIN + json.dumps(body, sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Statement":
        """Return the statement of a text.

        Raises:
            ValueError: it is none.
        """
        if not text.startswith(_DOMAIN):
            raise ValueError("it is no statement of an audit checkpoint")
        body = json.loads(text.removeprefix(_DOMAIN))
        try:
            found = cls(
                purpose=Purpose(body["purpose"]),
                org_id=int(body["organisation"]),
                seq=int(body["sequence"]),
                hash=bytes.fromhex(body["hash"]),
                count=int(body["count"]),
                at=datetime.fromisoformat(body["time"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError("the statement is incomplete") from error
        if found.text() != text:
            raise ValueError("the statement is not written as it was signed")
        return found


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its signature and the public key, 32 raw bytes, that it claims to be made with."""

    statement: Statement
    public_key: bytes
    signature: bytes

    @classmethod
    def of(cls, row: AuditCheckpoint) -> "Signed":
        """Return what a row states."""
        statement = Statement(row.purpose, row.org_id, row.seq, row.hash, row.count, row.at)
        return cls(statement, row.public_key, row.signature)

    def is_by(self, public_key: bytes) -> bool:
        """Whether this key signed it."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(
                self.signature, self.statement.text().encode()
            )
        except (InvalidSignature, ValueError):
            return False
        return True

    def export(self) -> dict[str, Any]:
        """Return it as JSON values, to be kept elsewhere."""
        statement = self.statement
        return {
            "organisation": statement.org_id,
            "sequence": statement.seq,
            "hash": statement.hash.hex(),
            "count": statement.count,
            "time": statement.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "purpose": str(statement.purpose),
            "signed": statement.text(),
            "signature": base64.b64encode(self.signature).decode(),
            "public_key": base64.b64encode(self.public_key).decode(),
        }


class Signer:
    """Signs statements. Every process with the same keyring has the same key."""

    def __init__(self, keyring: Keyring) -> None:
        # The key wraps nothing, so this one message is all it ever encrypts, and may have a fixed nonce.
        secret = keyring.storage_key(NAMESPACE).cipher.encrypt(bytes(12), bytes(32), None)
        seed = HKDF(SHA256(), length=32, salt=None, info=b"dms audit checkpoint v1").derive(secret)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    @property
    def encoded_public_key(self) -> str:
        """The public key as it is shown and kept: Base64 of its 32 bytes."""
        return base64.b64encode(self.public_key).decode()

    def sign(self, statement: Statement) -> Signed:
        """Return the statement, signed."""
        return Signed(statement, self.public_key, self._key.sign(statement.text().encode()))


def parse_exported(text: str) -> list[Signed]:
    """Return the checkpoints of an exported file: JSON, one object per line.

    Raises:
        CheckpointFileError: a line is something else.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)
            found.append(
                Signed(
                    Statement.parse(str(body["signed"])),
                    base64.b64decode(body["public_key"], validate=True),
                    base64.b64decode(body["signature"], validate=True),
                )
            )
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise CheckpointFileError(
                f"Line {number} is no exported checkpoint: {error}."
            ) from error
    return found


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of a public key that was kept.

    Raises:
        CheckpointFileError: it is none.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
        Ed25519PublicKey.from_public_bytes(key)
    except (ValueError, binascii.Error) as error:
        raise CheckpointFileError("This is no public key: Base64 of 32 bytes.") from error
    return key
