"""The headers of the tus protocol, read and written. Pure functions; nothing of ours is known here."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol

from backend.uploads.errors import (
    VERSION,
    UnsupportedProtocolError,
    UploadContentTypeError,
    UploadHeaderError,
)

EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "checksum",
    "expiration",
    "termination",
    "concatenation",
)
ALGORITHMS = ("sha1", "sha256", "md5")
CONTENT_TYPE = "application/offset+octet-stream"
_MOST_METADATA = 8_000
_MOST_LENGTH = 2**63 - 1
_KEY = re.compile(r"[!-+\--~]+", re.ASCII)
"""Printable ASCII but spaces and commas."""


class Hash(Protocol):
    """A hash of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Return the digest of what it took."""
        ...


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request are to hash to."""

    algorithm: str
    digest: bytes

    def begin(self) -> Hash:
        """Return a new hash of the kind."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Concat:
    """A final upload: the addresses of its parts, in order. Without any, a partial one."""

    parts: tuple[str, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether it joins parts."""
        return bool(self.parts)


def require_version(sent: str | None) -> None:
    """Refuse requests of another version of the protocol.

    Raises:
        UnsupportedProtocolError: with the version there is.
    """
    if sent != VERSION:
        raise UnsupportedProtocolError(
            f"Send `Tus-Resumable: {VERSION}`; no other version is spoken here.", version=VERSION
        )


def require_content_type(sent: str | None) -> None:
    """Refuse bytes that are not sent as an upload's.

    Raises:
        UploadContentTypeError: they are not.
    """
    if (sent or "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UploadContentTypeError(f"Send the bytes as `Content-Type: {CONTENT_TYPE}`.")


def parse_number(name: str, sent: str | None) -> int | None:
    """Read a header that is a number of bytes.

    Raises:
        UploadHeaderError: it is none.
    """
    if sent is None:
        return None
    if not sent.isascii() or not sent.isdecimal() or len(sent) > 19 or int(sent) > _MOST_LENGTH:
        raise UploadHeaderError(f"{name} must be a number of bytes, not {sent[:40]!r}.")
    return int(sent)


def parse_metadata(sent: str | None) -> dict[str, str]:
    """Read `Upload-Metadata`: keys, and values in Base64, which are text here.

    Raises:
        UploadHeaderError: it is malformed, or too long.
    """
    found: dict[str, str] = {}
    if not sent or not sent.strip():
        return found
    if len(sent) > _MOST_METADATA:
        raise UploadHeaderError(f"Upload-Metadata may have {_MOST_METADATA} characters at most.")
    for pair in sent.split(","):
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise UploadHeaderError(
                f"Upload-Metadata has a malformed or repeated key: {key[:40]!r}."
            )
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise UploadHeaderError(
                f"The value of {key!r} in Upload-Metadata is not UTF-8 text in Base64."
            ) from error
    return found


def parse_checksum(sent: str | None) -> Checksum | None:
    """Read `Upload-Checksum`.

    Raises:
        UploadHeaderError: it is malformed, or of an algorithm that is not among ours.
    """
    if sent is None:
        return None
    algorithm, _, value = sent.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise UploadHeaderError(
            f"Upload-Checksum knows {', '.join(ALGORITHMS)}, not {algorithm[:40]!r}."
        )
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UploadHeaderError("The value of Upload-Checksum is not Base64.") from error
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise UploadHeaderError(f"The value of Upload-Checksum has not the length of {algorithm}.")
    return Checksum(algorithm, digest)


def parse_concat(sent: str | None) -> Concat | None:
    """Read `Upload-Concat`.

    Raises:
        UploadHeaderError: it is malformed.
    """
    if sent is None:
        return None
    if sent.strip() == "partial":
        return Concat()
    kind, _, rest = sent.strip().partition(";")
    parts = tuple(rest.split())
    if kind != "final" or not parts:
        raise UploadHeaderError("Upload-Concat must be `partial`, or `final;` and the parts.")
    return Concat(parts)


def http_date(moment: datetime) -> str:
    """Return a moment as HTTP writes it (RFC 9110, 5.6.7)."""
    return format_datetime(moment, usegmt=True)
