"""Passkeys of a user: adding, showing, removing them, and checking what one answered.

The two halves of a ceremony are held together by a ticket that carries the challenge and is good once.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    generate_challenge,
    generate_user_handle,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from backend.audit.service import Deed, record
from backend.core.actor import Actor
from backend.core.clock import now
from backend.identity import tickets
from backend.identity.errors import InvalidTicketError
from backend.identity.models import User
from backend.identity.passkeys import queries
from backend.identity.passkeys.errors import (
    PasskeyExistsError,
    PasskeyInvalidError,
    PasskeyNotFoundError,
    PasskeyRefusedError,
    TooManyPasskeysError,
)
from backend.identity.passkeys.models import Passkey
from backend.identity.passkeys.schemas import CeremonyOut, PasskeyOut
from backend.identity.tokens import TokenSigner

MOST = 25
"""Passkeys of one user."""
_ADDING = "add passkey"
_SIGNING_IN = "passkey sign-in"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What passkeys are bound to: the host of the service, and the origins its pages may have."""

    id: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Whose passkey answered, and whether it made sure of the person."""

    user_id: int
    person_verified: bool


async def passkeys_of(session: AsyncSession, user_id: int) -> list[PasskeyOut]:
    """Return a user's passkeys, the newest first."""
    found = await queries.passkeys_of(session, user_id)
    return [PasskeyOut.model_validate(passkey) for passkey in found]


async def count_of(session: AsyncSession, user_id: int) -> int:
    """Return how many passkeys a user has."""
    return await queries.count_of(session, user_id)


async def begin_adding(
    session: AsyncSession, actor: Actor, *, signer: TokenSigner, party: RelyingParty, user: User
) -> CeremonyOut:
    """Return what the browser is to be asked for a new passkey of the actor, whose account is `user`.

    Raises:
        TooManyPasskeysError: there are too many already.
    """
    existing = await queries.passkeys_of(session, actor.user_id)
    if len(existing) >= MOST:
        raise TooManyPasskeysError(f"There are {MOST} passkeys already; remove one.")
    handle = existing[0].user_handle if existing else generate_user_handle()
    challenge = generate_challenge()
    options = generate_registration_options(
        rp_id=party.id,
        rp_name="DMS Enterprise",
        user_id=handle,
        user_name=user.email,
        user_display_name=user.name,
        challenge=challenge,
        exclude_credentials=_descriptors(existing),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
    )
    data = {"user": actor.user_id, "challenge": _text(challenge), "handle": _text(handle)}
    ticket = tickets.issue(signer, _ADDING, data)
    return CeremonyOut(options=json.loads(options_to_json(options)), ticket=ticket)


async def add(
    session: AsyncSession,
    actor: Actor,
    *,
    signer: TokenSigner,
    party: RelyingParty,
    ticket: str,
    name: str,
    credential: Mapping[str, Any],
) -> PasskeyOut:
    """Keep the passkey that the browser made.

    Raises:
        InvalidTicketError: the ticket is not good (any more), or is somebody else's.
        PasskeyInvalidError: what the browser returned is no passkey for this challenge and these pages.
        PasskeyExistsError: it is registered already.
    """
    data = signer.open_ticket(_ADDING, ticket)
    if data["user"] != actor.user_id:
        raise InvalidTicketError("The ticket is somebody else's.")
    await tickets.spend(session, data)
    try:
        parsed = parse_registration_credential_json(dict(credential))
        verified = verify_registration_response(
            credential=parsed,
            expected_challenge=_bytes(data["challenge"]),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
    except (WebAuthnException, ValueError) as error:
        raise PasskeyInvalidError("The browser's answer is not a passkey for this page.") from error
    passkey = Passkey(
        user_id=actor.user_id,
        user_handle=_bytes(data["handle"]),
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=[transport.value for transport in parsed.response.transports or ()],
        is_backed_up=verified.credential_backed_up,
        name=name,
    )
    try:
        async with session.begin_nested():
            session.add(passkey)
            await session.flush()
    except IntegrityError as error:
        raise PasskeyExistsError("This passkey is registered already.") from error
    await session.refresh(passkey)
    await _record(session, actor, "passkey.added", passkey)
    return PasskeyOut.model_validate(passkey)


async def begin_signing_in(
    session: AsyncSession, *, signer: TokenSigner, party: RelyingParty, user_id: int | None
) -> CeremonyOut:
    """Return what the browser is to be asked: for any passkey, or for one of a user who gave the password."""
    challenge = generate_challenge()
    known = [] if user_id is None else await queries.passkeys_of(session, user_id)
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        allow_credentials=_descriptors(known),
        user_verification=(
            UserVerificationRequirement.REQUIRED
            if user_id is None
            else UserVerificationRequirement.PREFERRED
        ),
    )
    ticket = tickets.issue(signer, _SIGNING_IN, {"challenge": _text(challenge)})
    return CeremonyOut(options=json.loads(options_to_json(options)), ticket=ticket)


async def check(
    session: AsyncSession,
    *,
    signer: TokenSigner,
    party: RelyingParty,
    ticket: str,
    credential: Mapping[str, Any],
) -> Proof:
    """Return whose passkey answered the challenge in the ticket, and use the ticket up.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
        PasskeyRefusedError: the answer proves nothing, or its counter says that the passkey was copied.
    """
    data = signer.open_ticket(_SIGNING_IN, ticket)
    await tickets.spend(session, data)
    try:
        parsed = parse_authentication_credential_json(dict(credential))
    except (WebAuthnException, ValueError) as error:
        raise PasskeyRefusedError("This is no passkey's answer.") from error
    passkey = await queries.by_credential_id(session, parsed.raw_id)
    if passkey is None:
        raise PasskeyRefusedError("This passkey is not registered here.")
    handle = parsed.response.user_handle
    if handle is not None and handle != passkey.user_handle:
        raise PasskeyRefusedError("The answer names another user.", user_id=passkey.user_id)
    try:
        verified = verify_authentication_response(
            credential=parsed,
            expected_challenge=_bytes(data["challenge"]),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
        )
    except (WebAuthnException, ValueError) as error:
        message = "The passkey's answer is not valid."
        raise PasskeyRefusedError(message, user_id=passkey.user_id) from error
    await queries.note_use(
        session,
        passkey.id,
        sign_count=verified.new_sign_count,
        is_backed_up=verified.credential_backed_up,
        at=now(),
    )
    return Proof(passkey.user_id, verified.user_verified)


async def rename(session: AsyncSession, actor: Actor, passkey_id: int, name: str) -> PasskeyOut:
    """Give one of the actor's passkeys another name.

    Raises:
        PasskeyNotFoundError: there is no such passkey.
    """
    passkey = await queries.rename(session, actor.user_id, passkey_id, name)
    if passkey is None:
        raise _not_found(passkey_id)
    return PasskeyOut.model_validate(passkey)


async def remove(session: AsyncSession, actor: Actor, passkey_id: int) -> None:
    """Remove one of the actor's passkeys.

    Raises:
        PasskeyNotFoundError: there is no such passkey.
    """
    passkey = await queries.remove(session, actor.user_id, passkey_id)
    if passkey is None:
        raise _not_found(passkey_id)
    await _record(session, actor, "passkey.removed", passkey)


async def forget(session: AsyncSession, user_id: int) -> int:
    """Remove all passkeys of a user; return how many there were. The caller records it."""
    return await queries.remove_all(session, user_id)


async def _record(session: AsyncSession, actor: Actor, action: str, passkey: Passkey) -> None:
    data = {"user": f"user:{passkey.user_id}", "name": passkey.name}
    deed = Deed(action, f"passkey:{passkey.id}", data)
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    known = {transport.value for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id,
            transports=[
                AuthenticatorTransport(value) for value in passkey.transports if value in known
            ],
        )
        for passkey in passkeys
    ]


def _not_found(passkey_id: int) -> PasskeyNotFoundError:
    return PasskeyNotFoundError(f"There is no passkey {passkey_id}.")


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
