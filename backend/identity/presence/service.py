"""Where people are signed in. A session belongs to one organisation; whoever belongs to several switches.

A transaction that is bound to a user sees that user's memberships and sessions in every organisation, and changes them
only in the organisation it is bound to: to end a session elsewhere it is bound there for that moment.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.identity import queries as users
from backend.identity import service as identity
from backend.identity.endings import end_sessions
from backend.identity.presence import queries
from backend.identity.presence.errors import OrganisationNotFoundError, SessionNotFoundError
from backend.identity.presence.queries import Standing
from backend.identity.presence.schemas import OrganisationChoice, SessionOut
from backend.identity.schemas import OrganisationRef
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin import service as signin
from backend.identity.signin.service import Proven


async def own_sessions(session: AsyncSession, actor: Actor) -> list[SessionOut]:
    """Return the actor's sessions in all organisations, the one used last first."""
    found = await queries.sessions(session, actor.user_id, now(), org_id=None)
    return [_described(actor, standing) for standing in found]


async def sessions_of(session: AsyncSession, actor: Actor, user_id: int) -> list[SessionOut]:
    """Return a user's sessions in the actor's organisation, the one used last first.

    Raises:
        UserNotFoundError: the organisation has no such user.
    """
    await identity.require_user(session, actor, user_id)
    found = await queries.sessions(session, user_id, now(), org_id=actor.org_id)
    return [_described(actor, standing) for standing in found]


async def end_own_session(session: AsyncSession, actor: Actor, session_id: str) -> None:
    """End one of the actor's sessions, in whatever organisation.

    Raises:
        SessionNotFoundError: the actor has no such session.
    """
    found = await queries.sessions(session, actor.user_id, now(), org_id=None)
    for token, _, _ in found:
        if token.session_id == session_id:
            await _end(session, actor, token.org_id, actor.user_id, only=session_id)
            return
    raise SessionNotFoundError("There is no such session, or it has ended.")


async def end_own_other_sessions(session: AsyncSession, actor: Actor) -> int:
    """End all of the actor's sessions but the one that asks, in every organisation; return how many stood."""
    found = await queries.sessions(session, actor.user_id, now(), org_id=None)
    ended = 0
    for org_id in sorted({token.org_id for token, _, _ in found}):
        ended += len(await _end(session, actor, org_id, actor.user_id, but=actor.session_id))
    return ended


async def end_session_of(
    session: AsyncSession, actor: Actor, user_id: int, session_id: str
) -> None:
    """End a session of a user of the actor's organisation.

    Raises:
        UserNotFoundError: the organisation has no such user.
        SessionNotFoundError: the user has no such session.
    """
    await identity.require_user(session, actor, user_id)
    if not await _end(session, actor, actor.org_id, user_id, only=session_id):
        raise SessionNotFoundError("There is no such session, or it has ended.")


async def end_sessions_of(session: AsyncSession, actor: Actor, user_id: int) -> int:
    """End all sessions of a user in the actor's organisation, but for the one that asks; return how many stood.

    Raises:
        UserNotFoundError: the organisation has no such user.
    """
    await identity.require_user(session, actor, user_id)
    return len(await _end(session, actor, actor.org_id, user_id, but=actor.session_id))


async def organisations(session: AsyncSession, actor: Actor) -> list[OrganisationChoice]:
    """Return the organisations the actor may work in, by name."""
    found = await queries.organisations(session, actor.user_id)
    return [
        OrganisationChoice(
            organisation=OrganisationRef.model_validate(organisation),
            role=role,
            current=organisation.id == actor.org_id,
        )
        for organisation, role in found
    ]


async def switch(session: AsyncSession, keeper: SessionKeeper, actor: Actor, org_id: int) -> Tokens:
    """Go on in another organisation the actor belongs to: a session begins there, and the present one ends.

    The actor is signed in with a session. One that began with a second factor is enough; another needs one now.

    Raises:
        OrganisationNotFoundError: the actor does not belong to it.
        SecondFactorRequiredError: the actor has a second factor, and the session began without.
        EnrolmentRequiredError: the other organisation asks for one, and the actor has none.
    """
    if org_id not in {one.id for one, _ in await queries.organisations(session, actor.user_id)}:
        raise OrganisationNotFoundError(f"You do not belong to an organisation {org_id}.")
    session_id = actor.session_id or ""
    present = await users.current_token(session, session_id)
    proven = Proven(
        actor.user_id,
        signin.SWITCH,
        factor=None if present is None else present.second_factor,
        org_id=org_id,
        leaves=(actor.org_id, session_id),
        ends_at=None if present is None else present.ends_at,
    )
    return await signin.admit(session, keeper, proven)


async def _end(
    session: AsyncSession,
    actor: Actor,
    org_id: int,
    user_id: int,
    *,
    only: str | None = None,
    but: str | None = None,
) -> Sequence[str]:
    await set_tenant(session, Tenant(org_id, actor.user_id))
    ended = await end_sessions(session, org_id, user_id, only=only, but=but)
    deeds = [
        Deed("session.ended", f"session:{session_id}", {"user": user_id}) for session_id in ended
    ]
    await record(session, deeds, org_id=org_id, actor_id=actor.user_id)
    await set_tenant(session, Tenant(actor.org_id, actor.user_id))
    return ended


def _described(actor: Actor, standing: Standing) -> SessionOut:
    token, organisation, began = standing
    return SessionOut(
        id=token.session_id,
        current=token.session_id == actor.session_id,
        organisation=OrganisationRef.model_validate(organisation),
        address=token.address,
        user_agent=token.user_agent,
        started_at=began,
        last_used_at=token.created_at,
        expires_at=token.expires_at,
    )
