"""From what an issuer says of somebody to a user of ours."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.identity import queries as identity
from backend.identity.external import queries
from backend.identity.external.errors import (
    IdentityRefusedError,
    IdentityTakenError,
    LinkNeededError,
)
from backend.identity.external.models import ExternalIdentity
from backend.identity.external.settings import Vouching
from backend.identity.models import Membership, User


@dataclass(frozen=True, slots=True)
class Vouched:
    """What an issuer says of somebody."""

    issuer: str
    subject: str
    email: str | None
    email_is_verified: bool
    name: str | None
    groups: frozenset[str]


async def user_of(session: AsyncSession, vouching: Vouching, vouched: Vouched) -> int:
    """Return the user an issuer speaks of, made where there was none and that is allowed; groups follow the issuer.

    Raises:
        IdentityRefusedError: there is no such user, and none may be made.
        LinkNeededError: another account has the e-mail address.
    """
    known = await queries.identity(session, vouched.issuer, vouched.subject)
    if known is not None:
        await queries.note_use(session, known.id, now())
        user_id = known.user_id
    else:
        user_id = await _provision(session, vouching, vouched)
    await _follow_groups(session, vouching, vouched, user_id)
    return user_id


async def link(session: AsyncSession, vouched: Vouched, *, org_id: int, user_id: int) -> None:
    """Let a user, who has proven to be both, sign in by an issuer from now on.

    Raises:
        IdentityTakenError: the identity is another user's.
    """
    known = await queries.identity(session, vouched.issuer, vouched.subject)
    if known is not None:
        if known.user_id != user_id:
            raise IdentityTakenError("This identity is linked to another user.")
        return
    await set_tenant(session, Tenant(org_id, user_id))
    await _add(session, vouched, user_id)
    data = {"issuer": vouched.issuer}
    deed = Deed("identity.linked", f"user:{user_id}", data)
    await record(session, [deed], org_id=org_id, actor_id=user_id)


async def _provision(session: AsyncSession, vouching: Vouching, vouched: Vouched) -> int:
    email = vouched.email
    if email is None or not vouched.email_is_verified:
        raise IdentityRefusedError("Your e-mail address is not verified there.")
    if await identity.user_by_email(session, email) is not None:
        raise LinkNeededError(
            "There is an account with this e-mail address. Sign in to it, then link it on the page Security."
        )
    domain = email.rpartition("@")[2].lower()
    allowed = {one.lower() for one in vouching.allowed_domains}
    if not vouching.create_users or domain not in allowed:
        raise IdentityRefusedError("There is no account for you here. Ask an administrator.")
    await set_tenant(session, Tenant(vouching.organisation))
    user = User(email=email, name=vouched.name or email, password_hash=None)
    try:
        async with session.begin_nested():
            session.add(user)
            await session.flush()
    except IntegrityError as error:
        raise LinkNeededError("There is an account with this e-mail address by now.") from error
    session.add(Membership(org_id=vouching.organisation, user_id=user.id, role=Role.MEMBER))
    await session.flush()
    await _add(session, vouched, user.id)
    data = {"issuer": vouched.issuer, "email": email, "name": user.name}
    deed = Deed("user.provisioned", f"user:{user.id}", data)
    await record(session, [deed], org_id=vouching.organisation, actor_id=None)
    return user.id


async def _add(session: AsyncSession, vouched: Vouched, user_id: int) -> None:
    session.add(
        ExternalIdentity(
            user_id=user_id, issuer=vouched.issuer, subject=vouched.subject, last_used_at=now()
        )
    )
    await session.flush()


async def _follow_groups(
    session: AsyncSession, vouching: Vouching, vouched: Vouched, user_id: int
) -> None:
    """Bring the groups that the settings name, and no others, to what the issuer says."""
    org_id = vouching.organisation
    await set_tenant(session, Tenant(org_id, user_id))
    if not vouching.groups or await identity.membership(session, org_id, user_id) is None:
        return
    ids = await queries.groups_named(session, org_id, vouching.groups.values())
    wanted = _ids(
        ids, [ours for theirs, ours in vouching.groups.items() if theirs in vouched.groups]
    )
    joined = await queries.join(session, org_id, user_id, wanted)
    left = await queries.leave(session, org_id, user_id, set(ids.values()) - wanted)
    data = {"member": f"user:{user_id}", "issuer": vouched.issuer}
    deeds = [
        Deed(action, f"group:{group_id}", data)
        for action, group_ids in (("group.joined", joined), ("group.left", left))
        for group_id in sorted(group_ids)
    ]
    await record(session, deeds, org_id=org_id, actor_id=None)


def _ids(known: dict[str, int], names: Collection[str]) -> set[int]:
    return {known[name.lower()] for name in names if name.lower() in known}
