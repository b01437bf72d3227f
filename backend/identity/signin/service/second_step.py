"""The second step, by a code or a passkey; a passkey may be the only one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.identity import tickets
from backend.identity.passkeys import service as passkeys
from backend.identity.passkeys.errors import PasskeyRefusedError
from backend.identity.passkeys.schemas import CeremonyOut
from backend.identity.passkeys.service import RelyingParty
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin.service.admission import begin
from backend.identity.signin.service.codes import with_code
from backend.identity.signin.service.proof import PASSKEY, SECOND_STEP, Proven, proven_by
from backend.identity.signin.service.refusals import invalid, note_refused_passkey
from backend.identity.signin.service.standing import find_standing, must_stand


async def by_code(keeper: SessionKeeper, *, ticket: str, code: str, address: str) -> Tokens:
    """Begin the session that a password was given for, by a code of the app or a recovery code.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
        WrongSignInCodeError: the code is wrong, or was used before.
        TooManyAttemptsError: too many were.
    """
    data = keeper.signer.open_ticket(SECOND_STEP, ticket)
    proven = proven_by(data)
    async with keeper.database.transaction() as session:
        standing = await must_stand(session, keeper, proven)
    proven = await with_code(keeper, proven, code, standing=standing, address=address)
    async with keeper.database.transaction() as session:
        await tickets.spend(session, data)
        standing = await must_stand(session, keeper, proven)
        return await begin(session, keeper, proven, standing.org_id)


async def begin_passkey(
    keeper: SessionKeeper, *, party: RelyingParty, ticket: str | None
) -> CeremonyOut:
    """Return what to ask the browser for: any passkey, or one of whoever gave the password for a ticket.

    Raises:
        InvalidTicketError: the ticket is not good (any more).
    """
    user_id = None
    if ticket is not None:
        user_id = proven_by(keeper.signer.open_ticket(SECOND_STEP, ticket)).user_id
    async with keeper.database.transaction() as session:
        return await passkeys.begin_signing_in(
            session, signer=keeper.signer, party=party, user_id=user_id
        )


async def by_passkey(
    keeper: SessionKeeper,
    *,
    party: RelyingParty,
    passkey_ticket: str,
    credential: Mapping[str, Any],
    ticket: str | None,
) -> Tokens:
    """Begin a session by what a passkey answered: by itself, or as the second factor for a ticket.

    Raises:
        InvalidTicketError: a ticket is not good (any more).
        PasskeyRefusedError: the answer proves nothing, or not enough, or somebody else.
        InvalidCredentialsError: the user is not active anywhere.
    """
    data = None if ticket is None else keeper.signer.open_ticket(SECOND_STEP, ticket)
    try:
        return await _by_passkey(keeper, party, passkey_ticket, credential, data)
    except PasskeyRefusedError as error:
        await note_refused_passkey(keeper, error.user_id)
        raise


async def _by_passkey(
    keeper: SessionKeeper,
    party: RelyingParty,
    passkey_ticket: str,
    credential: Mapping[str, Any],
    data: Mapping[str, Any] | None,
) -> Tokens:
    async with keeper.database.transaction() as session:
        proof = await passkeys.check(
            session,
            signer=keeper.signer,
            party=party,
            ticket=passkey_ticket,
            credential=credential,
        )
        if data is not None:
            await tickets.spend(session, data)
        proven = _proven_by_passkey(proof, data)
        standing = await find_standing(session, keeper, proven)
        if standing is None:
            raise invalid()
        return await begin(session, keeper, proven, standing.org_id)


def _proven_by_passkey(proof: passkeys.Proof, data: Mapping[str, Any] | None) -> Proven:
    if data is None:
        if not proof.person_verified:
            message = "The passkey did not make sure that it is you."
            raise PasskeyRefusedError(message, user_id=proof.user_id)
        return Proven(proof.user_id, PASSKEY, factor=PASSKEY)
    if data["user"] != proof.user_id:
        raise PasskeyRefusedError("This passkey is another user's.", user_id=data["user"])
    return replace(proven_by(data), factor=PASSKEY)
