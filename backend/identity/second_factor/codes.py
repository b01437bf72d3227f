"""Codes: those an authenticator app makes, and recovery codes. Pure; nothing here asks the database."""

import hashlib
import io
import re
import secrets
from datetime import datetime

import pyotp
import segno
from pyotp.exceptions import OTPVerificationError

_DIGITS = 6
_TOTP = re.compile(rf"[0-9]{{{_DIGITS}}}", re.ASCII)
DRIFT = 1
"""Steps of 30 seconds by which the app's clock may be wrong, either way."""

RECOVERY_CODES = 10
# Crockford's digits: none is taken for another.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 16
_GROUP = 4
_RECOVERY = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}", re.ASCII)
_MISREAD = str.maketrans("oil", "011")


def new_secret() -> bytes:
    """Return a new shared secret: 160 random bits (RFC 4226, section 4, R6)."""
    return pyotp.random_base32().encode()


def provisioning_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """Return what an app reads out of the QR code (`otpauth://…`)."""
    return pyotp.TOTP(secret.decode()).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """Return a QR code as an SVG document, dark on light whatever the page's colours."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, svgns=True
    )
    return out.getvalue().decode()


def matching_step(secret: bytes, code: str, at: datetime) -> int | None:
    """Return the time step that a code belongs to, or None where it is none of about now."""
    digits = code.replace(" ", "")
    if _TOTP.fullmatch(digits) is None:
        return None
    try:
        return pyotp.TOTP(secret.decode()).verify_and_get_timecode(
            digits, for_time=at, valid_window=DRIFT
        )
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Return ten recovery codes of 80 random bits, in groups of four for people to copy."""
    return [_grouped(_random()) for _ in range(RECOVERY_CODES)]


def recovery_digest(user_id: int, code: str) -> bytes | None:
    """Return what is kept of a user's recovery code, however it was typed; None where it is no such code."""
    plain = re.sub(r"[\s-]", "", code).lower().translate(_MISREAD)
    if _RECOVERY.fullmatch(plain) is None:
        return None
    return hashlib.sha256(f"{user_id}:{plain}".encode()).digest()


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))
