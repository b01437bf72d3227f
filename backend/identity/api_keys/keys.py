"""The format of a key: `dmsk_`, the organisation, 256 random bits, and a checksum, all in base 62.

The prefix and the checksum let those who scan repositories and logs for lost secrets tell a key from other text without
asking us. The organisation is there because row-level security must know where to look; nothing follows from it before
the whole key is found there.
"""

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "dmsk_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ORGANISATION, _SECRET, _CHECKSUM = 11, 43, 6
_SECRET_BITS = 256
_KEY = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_ORGANISATION + _SECRET + _CHECKSUM}}}", re.ASCII)
_LARGEST_ID = 2**63 - 1
HINT = 4
"""How many last characters of a key are kept in plain, to tell keys apart by."""


def new_key(org_id: int) -> str:
    """Return a new key for an organisation."""
    body = (
        PREFIX + _base62(org_id, _ORGANISATION) + _base62(secrets.randbits(_SECRET_BITS), _SECRET)
    )
    return body + _checksum(body)


def organisation_of(key: str) -> int | None:
    """Return the organisation a key names; None where it is no key at all."""
    if _KEY.fullmatch(key) is None or _checksum(key[:-_CHECKSUM]) != key[-_CHECKSUM:]:
        return None
    org_id = 0
    for digit in key[len(PREFIX) : len(PREFIX) + _ORGANISATION]:
        org_id = org_id * len(_DIGITS) + _DIGITS.index(digit)
    return org_id if org_id <= _LARGEST_ID else None


def digest(key: str) -> bytes:
    """Return what the database keeps of a key, which has 256 random bits: no salt, no work factor needed."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text.rjust(width, _DIGITS[0])
