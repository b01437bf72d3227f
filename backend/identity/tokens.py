"""What the service signs: access tokens, and tickets that stand in for one where a header cannot be sent.

Signatures are HMAC-SHA-256 (JWS, RFC 7515) under keys derived from the master key (HKDF, RFC 5869), one for each use,
so that nothing signed for one use is good for another. Nothing here asks the database: whether the session behind an
access token still stands is `service.authenticate`'s to find out.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from backend.core.clock import now
from backend.core.errors import UnauthenticatedError
from backend.identity.errors import InvalidTicketError

_ALGORITHM = "HS256"
_ACCESS = "access"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says."""

    user_id: int
    org_id: int
    session_id: str
    scopes: frozenset[str] | None = None
    """What the token is limited to, beyond what limits the key it was made from."""


class TokenSigner:
    """Signs and opens tokens. One per process; every process with the same master key makes the same."""

    def __init__(self, master_key: bytes) -> None:
        self._access_key = OctKey.import_key(_derive(master_key, "access token"))
        self._ticket_key = OctKey.import_key(_derive(master_key, "ticket"))
        self._fingerprint_key = _derive(master_key, "fingerprint")

    def access_token(self, claims: AccessClaims, *, ttl: int) -> str:
        """Return a token that is good for `ttl` seconds."""
        said: dict[str, Any] = {
            "sub": str(claims.user_id),
            "org": claims.org_id,
            "sid": claims.session_id,
        }
        if claims.scopes is not None:
            said["scope"] = " ".join(sorted(claims.scopes))
        return _sign(self._access_key, _ACCESS, said, ttl)

    def open_access_token(self, token: str) -> AccessClaims:
        """Return what an access token says.

        Raises:
            UnauthenticatedError: it is forged or has expired.
        """
        try:
            claims = _open(self._access_key, _ACCESS, token)
        except (JoseError, ValueError) as error:
            raise UnauthenticatedError("The access token is invalid or has expired.") from error
        return AccessClaims(
            user_id=int(claims["sub"]),
            org_id=claims["org"],
            session_id=claims["sid"],
            scopes=frozenset(claims["scope"].split()) if "scope" in claims else None,
        )

    def ticket(self, purpose: str, data: Mapping[str, Any], *, ttl: int) -> str:
        """Return a ticket that carries `data` (JSON values, readable by the bearer) for `ttl` seconds."""
        return _sign(self._ticket_key, purpose, {"data": dict(data)}, ttl)

    def open_ticket(self, purpose: str, ticket: str) -> dict[str, Any]:
        """Return the data of a ticket made for this purpose.

        Raises:
            InvalidTicketError: it is forged, has expired, or was made for another purpose.
        """
        try:
            data: dict[str, Any] = _open(self._ticket_key, purpose, ticket)["data"]
        except (JoseError, ValueError) as error:
            raise InvalidTicketError("The ticket is invalid or has expired.") from error
        return data

    def fingerprint(self, *parts: str) -> bytes:
        """Return 32 bytes that stand for these values and tell nothing of them without the key."""
        message = b"".join(
            len(encoded).to_bytes(4, "big") + encoded
            for encoded in (part.encode("utf-8", "surrogatepass") for part in parts)
        )
        return hmac.digest(self._fingerprint_key, message, hashlib.sha256)


def _derive(master_key: bytes, use: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"dms identity {use} v1".encode()).derive(
        master_key
    )


def _sign(key: OctKey, audience: str, claims: dict[str, Any], ttl: int) -> str:
    issued = int(now().timestamp())
    return jwt.encode(
        {"alg": _ALGORITHM},
        {"aud": audience, "iat": issued, "exp": issued + ttl, **claims},
        key,
        algorithms=[_ALGORITHM],
    )


def _open(key: OctKey, audience: str, token: str) -> dict[str, Any]:
    claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
    jwt.JWTClaimsRegistry(
        now=int(now().timestamp()),
        aud={"essential": True, "value": audience},
        exp={"essential": True},
    ).validate(claims)
    return claims
