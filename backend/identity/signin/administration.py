"""What administrators decide of signing in: of whom a second factor is asked, and whose is reset when it is lost."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Actor, Role
from backend.core.db import Tenant
from backend.identity import queries
from backend.identity.endings import end_sessions
from backend.identity.errors import OwnCredentialsError, SharedUserError, UserNotFoundError
from backend.identity.passkeys import service as passkeys
from backend.identity.second_factor import service as second_factor
from backend.identity.second_factor.schemas import Coverage, SignInPolicy, SignInPolicyOut


async def policy(session: AsyncSession, actor: Actor) -> SignInPolicyOut:
    """Return what the actor's organisation asks of those who sign in, and how many have what may be asked."""
    organisation = await queries.organisation(session, actor.org_id)
    counted = await queries.people_by_role(session, actor.org_id)
    return SignInPolicyOut(
        second_factor=organisation.second_factor,
        everybody=_coverage([(has, count) for _, has, count in counted]),
        administrators=_coverage(
            [(has, count) for role, has, count in counted if role is Role.ADMINISTRATOR]
        ),
    )


def _coverage(counted: Sequence[tuple[bool, int]]) -> Coverage:
    return Coverage(
        people=sum(count for _, count in counted),
        without=sum(count for has, count in counted if not has),
    )


async def set_policy(session: AsyncSession, actor: Actor, wanted: SignInPolicy) -> SignInPolicy:
    """Ask something else from the next sign-in on; sessions that were begun go on."""
    organisation = await queries.organisation(session, actor.org_id)
    old = organisation.second_factor
    if old is not wanted.second_factor:
        organisation.second_factor = wanted.second_factor
        await session.flush()
        data = {"old": {"second_factor": old}, "new": {"second_factor": wanted.second_factor}}
        deed = Deed("sign_in_policy.changed", f"organisation:{actor.org_id}", data)
        await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    return wanted


async def reset_second_factor(session: AsyncSession, actor: Actor, user_id: int) -> None:
    """Take authenticator app, recovery codes and passkeys of a user away, and end the user's sessions.

    Raises:
        UserNotFoundError: the organisation has no such user.
        SharedUserError: the user belongs to another organisation too, which relies on the same factors.
        OwnCredentialsError: it is the actor, who gives up factors with a proof that they are the actor's.
    """
    if user_id == actor.user_id:
        raise OwnCredentialsError("Remove your own second factor on the page Security.")
    if await queries.user(session, actor.org_id, user_id, lock=True) is None:
        raise UserNotFoundError(f"There is no user {user_id}.")
    if await queries.belongs_elsewhere(session, Tenant(actor.org_id, actor.user_id), user_id):
        raise SharedUserError(
            "The user belongs to another organisation too; only the user may remove second factors."
        )
    had_app = await second_factor.forget(session, user_id)
    had_passkeys = await passkeys.forget(session, user_id)
    await end_sessions(session, actor.org_id, user_id)
    data = {"authenticator": had_app, "passkeys": had_passkeys}
    deed = Deed("second_factor.reset", f"user:{user_id}", data)
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
