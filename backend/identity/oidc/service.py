"""The two halves of a sign-in by a provider: sending the browser there, and taking what it brings back."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from backend.core.actor import Actor
from backend.core.clock import now
from backend.identity import service as identity
from backend.identity import tickets
from backend.identity.errors import InvalidTicketError
from backend.identity.external import service as external
from backend.identity.external.errors import IdentityRefusedError
from backend.identity.external.service import Vouched
from backend.identity.external.settings import OidcProvider
from backend.identity.oidc.client import OidcClient
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin import service as signin
from backend.identity.tokens import AccessClaims

_PURPOSE = "oidc"
_ANSWERED_FOR = "provider"


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser is to go, and the ticket it is to keep meanwhile."""

    url: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Done:
    """Where the browser is to go now, with a session where one was begun."""

    redirect: str
    tokens: Tokens | None


async def begin(
    keeper: SessionKeeper,
    client: OidcClient,
    *,
    callback: str,
    redirect: str,
    linking: Actor | None = None,
) -> Begun:
    """Begin a sign-in or, with an actor, the linking of an identity to the actor's account.

    Raises:
        ProviderFailedError: the provider cannot be reached.
    """
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = {
        "response_type": "code",
        "client_id": client.provider.client_id,
        "redirect_uri": callback,
        "scope": " ".join(client.provider.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    endpoint = await client.authorization_endpoint()
    ticket = tickets.issue(
        keeper.signer,
        _PURPOSE,
        {
            "provider": client.provider.id,
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "redirect": redirect,
            "user": None if linking is None else linking.user_id,
            "org": None if linking is None else linking.org_id,
            "session": None if linking is None else linking.session_id,
        },
    )
    return Begun(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", ticket)


async def finish(
    keeper: SessionKeeper,
    client: OidcClient,
    *,
    ticket: str,
    state: str,
    code: str,
    callback: str,
    address: str,
) -> Done:
    """Take the code that the browser brought, and begin the session or link the identity.

    Raises:
        InvalidTicketError: this browser did not begin it, or not just now.
        UnauthenticatedError: the session that an identity was to be linked in has ended.
        ProviderFailedError: the provider does not confirm.
        IdentityRefusedError: it does, and the user is not let in.
        LinkNeededError: another account has the e-mail address.
        IdentityTakenError: the identity to link is another user's.
        InvalidCredentialsError: the user is not active anywhere.
    """
    data = keeper.signer.open_ticket(_PURPOSE, ticket)
    is_same = hmac.compare_digest(data["state"].encode(), state.encode())
    if not is_same or data["provider"] != client.provider.id:
        raise InvalidTicketError("The answer is to another sign-in.")
    # Before the code is, so that of two with the same one gets it.
    async with keeper.database.transaction() as session:
        await tickets.spend(session, data)
    claims = await client.exchange(
        code=code, verifier=data["verifier"], redirect_uri=callback, nonce=data["nonce"]
    )
    vouched = _vouched(client.provider, claims)
    async with keeper.database.transaction() as session:
        if data["user"] is not None:
            # Whoever links must be signed in still: nothing is left open by a session that was ended meanwhile.
            await identity.act_as(session, AccessClaims(data["user"], data["org"], data["session"]))
            await external.link(session, vouched, org_id=data["org"], user_id=data["user"])
            return Done(data["redirect"], None)
        user_id = await external.user_of(session, client.provider, vouched)
    proven = signin.Proven(
        user_id,
        f"oidc:{client.provider.id}",
        factor=_ANSWERED_FOR,
        ends_at=now() + timedelta(hours=client.provider.session_hours),
    )
    return Done(data["redirect"], await signin.go_on(keeper, proven, address=address))


def _vouched(provider: OidcProvider, claims: Mapping[str, Any]) -> Vouched:
    for claim, value in provider.required_claims.items():
        if value not in _values(claims.get(claim)):
            raise IdentityRefusedError("The provider does not say of you what is asked for here.")
    email, name = claims.get("email"), claims.get("name")
    return Vouched(
        issuer=provider.issuer,
        subject=claims["sub"],
        email=email if isinstance(email, str) else None,
        email_is_verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) and name.strip() else None,
        groups=_values(claims.get(provider.groups_claim)),
    )


def _values(claim: object) -> frozenset[str]:
    values = claim if isinstance(claim, list) else [claim]
    return frozenset(value for value in values if isinstance(value, str))
