"""HTTP of one's own passkeys. Signing in with one is in `signin`."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response, status

from backend.core.errors import SessionRequiredError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import PersonDep, SessionDep, SettingsDep
from backend.identity import service as identity
from backend.identity.errors import InvalidTicketError
from backend.identity.passkeys import service
from backend.identity.passkeys.errors import (
    PasskeyExistsError,
    PasskeyInvalidError,
    PasskeyNotFoundError,
    TooManyPasskeysError,
)
from backend.identity.passkeys.schemas import (
    CeremonyOut,
    PasskeyAdded,
    PasskeyCreate,
    PasskeyOut,
    PasskeyRename,
)
from backend.identity.passkeys.service import RelyingParty
from backend.identity.router import KeeperDep
from backend.identity.second_factor import service as second_factor


def relying_party(request: Request, settings: SettingsDep) -> RelyingParty:
    """Return what passkeys are bound to: the public address of the service or, where none is set, the one called."""
    url = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    parts = urlsplit(url)
    return RelyingParty(parts.hostname or "", (f"{parts.scheme}://{parts.netloc}",))


RelyingPartyDep = Annotated[RelyingParty, Depends(relying_party)]

router = APIRouter(
    prefix="/me/passkeys",
    tags=["me"],
    responses=problem_responses(UnauthenticatedError, SessionRequiredError),
)


@router.get("", operation_id="listPasskeys", summary="List one's passkeys")
async def list_passkeys(session: SessionDep, actor: PersonDep) -> list[PasskeyOut]:
    """Return all of them, the newest first."""
    return await service.passkeys_of(session, actor.user_id)


@router.post(
    "/begin",
    operation_id="beginPasskey",
    summary="Begin to add a passkey",
    responses=problem_responses(TooManyPasskeysError),
)
async def begin_passkey(
    session: SessionDep,
    actor: PersonDep,
    keeper: KeeperDep,
    party: RelyingPartyDep,
    response: Response,
) -> CeremonyOut:
    """Return what the browser is to be asked for."""
    response.headers["Cache-Control"] = "no-store"
    user = await identity.account(session, actor)
    return await service.begin_adding(session, actor, signer=keeper.signer, party=party, user=user)


@router.post(
    "",
    operation_id="addPasskey",
    summary="Add a passkey",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(InvalidTicketError, PasskeyInvalidError, PasskeyExistsError),
)
async def add_passkey(
    session: SessionDep,
    actor: PersonDep,
    keeper: KeeperDep,
    party: RelyingPartyDep,
    response: Response,
    body: PasskeyCreate,
) -> PasskeyAdded:
    """Keep what the browser made. With the first second factor come recovery codes, once."""
    response.headers["Cache-Control"] = "no-store"
    held = await second_factor.held(session, actor.user_id)
    is_first = held.authenticator_since is None and not await service.count_of(
        session, actor.user_id
    )
    passkey = await service.add(
        session,
        actor,
        signer=keeper.signer,
        party=party,
        ticket=body.ticket,
        name=body.name,
        credential=body.credential,
    )
    codes = await second_factor.replace_recovery_codes(session, actor) if is_first else None
    return PasskeyAdded(passkey=passkey, recovery_codes=codes)


@router.patch(
    "/{passkey_id}",
    operation_id="renamePasskey",
    summary="Rename a passkey",
    responses=problem_responses(PasskeyNotFoundError),
)
async def rename_passkey(
    session: SessionDep, actor: PersonDep, passkey_id: int, body: PasskeyRename
) -> PasskeyOut:
    """Give it another name."""
    return await service.rename(session, actor, passkey_id, body.name)


@router.delete(
    "/{passkey_id}",
    operation_id="removePasskey",
    summary="Remove a passkey",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(PasskeyNotFoundError),
)
async def remove_passkey(session: SessionDep, actor: PersonDep, passkey_id: int) -> None:
    """Let nobody sign in with it any more."""
    await service.remove(session, actor, passkey_id)
