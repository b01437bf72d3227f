"""Speaking with a provider: its description, its keys, and exchanging a code for what it says of the user.

Nothing a provider says is believed before its signature was checked against its own keys, whose address comes from its
description, which must be of the issuer in the settings.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend.identity.external.errors import ProviderFailedError
from backend.identity.external.settings import OidcProvider

_TIMEOUT = 10.0
_KEPT_SECONDS = 3_600.0
_REFETCH_SECONDS = 60.0
_LEEWAY = 60
_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]


@dataclass(slots=True)
class _Known:
    description: dict[str, Any]
    keys: KeySet
    at: float = field(default_factory=time.monotonic)


class OidcClient:
    """A client of one provider. One per process: it keeps description and keys for an hour."""

    def __init__(self, provider: OidcProvider) -> None:
        self.provider = provider
        self._known: _Known | None = None
        self._lock = asyncio.Lock()

    async def authorization_endpoint(self) -> str:
        """Return where the browser is to be sent.

        Raises:
            ProviderFailedError: the provider cannot be reached, or is not the one in the settings.
        """
        return str((await self._discover()).description["authorization_endpoint"])

    async def exchange(
        self, *, code: str, verifier: str, redirect_uri: str, nonce: str
    ) -> Mapping[str, Any]:
        """Return the claims of the user for an authorisation code.

        Raises:
            ProviderFailedError: the provider refuses, or its answer cannot be trusted.
        """
        known = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        basic = httpx2.BasicAuth(self.provider.client_id, self.provider.secret())
        tokens = await self._ask("POST", known.description["token_endpoint"], data=form, auth=basic)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise _failed("it gave no identity token")
        claims = await self._claims(id_token, nonce)
        if "email" in claims or not isinstance(access_token, str):
            return claims
        return {**await self._user_info(known, access_token, claims["sub"]), **claims}

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Check an identity token (OpenID Connect Core, 3.1.3.7)."""
        known = await self._discover()
        try:
            claims = self._verified(id_token, known)
        except (JoseError, ValueError):
            # The provider may have changed its keys since.
            claims = self._verified_or_refused(id_token, await self._discover(renew=True))
        if claims.get("nonce") != nonce:
            raise _failed("its token is of another sign-in")
        authorised = claims.get("azp", self.provider.client_id)
        if authorised != self.provider.client_id or not isinstance(claims.get("sub"), str):
            raise _failed("its token is for another client")
        return claims

    def _verified(self, id_token: str, known: _Known) -> dict[str, Any]:
        claims = jwt.decode(id_token, known.keys, algorithms=_ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            now=int(time.time()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        ).validate(claims)
        return claims

    def _verified_or_refused(self, id_token: str, known: _Known) -> dict[str, Any]:
        try:
            return self._verified(id_token, known)
        except (JoseError, ValueError) as error:
            raise _failed("its token is not valid") from error

    async def _user_info(self, known: _Known, access_token: str, subject: str) -> dict[str, Any]:
        address = known.description.get("userinfo_endpoint")
        if address is None:
            return {}
        bearer = {"Authorization": f"Bearer {access_token}"}
        said = await self._ask("GET", address, headers=bearer)
        # OpenID Connect Core, 5.3.2: another subject's must not be used.
        return said if said.get("sub") == subject else {}

    async def _discover(self, *, renew: bool = False) -> _Known:
        async with self._lock:
            known = self._known
            age = _KEPT_SECONDS if known is None else time.monotonic() - known.at
            if known is None or age >= (_REFETCH_SECONDS if renew else _KEPT_SECONDS):
                known = self._known = await self._fetch()
            return known

    async def _fetch(self) -> _Known:
        issuer = self.provider.issuer
        description = await self._ask("GET", f"{issuer}/.well-known/openid-configuration")
        if description.get("issuer") != issuer:
            raise _failed("it names another issuer")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if not all(isinstance(description.get(name), str) for name in needed):
            raise _failed("its description is incomplete")
        keys = await self._ask("GET", description["jwks_uri"])
        try:
            return _Known(description, KeySet.import_key_set({"keys": keys.get("keys", [])}))
        except (JoseError, ValueError, TypeError) as error:
            raise _failed("its keys cannot be read") from error

    async def _ask(self, method: str, address: str, **arguments: Any) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT) as client:
                answer = await client.request(method, address, **arguments)
                answer.raise_for_status()
                said = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _failed("it does not answer, or refuses") from error
        if not isinstance(said, dict):
            raise _failed("its answer is no object")
        return said


def _failed(reason: str) -> ProviderFailedError:
    return ProviderFailedError(f"The provider did not confirm the sign-in: {reason}.")
