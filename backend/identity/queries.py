"""SQL of users and sessions. Used by the services of identity alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from backend.core.actor import Role
from backend.core.db import Tenant, set_tenant
from backend.identity.models import (
    GroupMember,
    LoginThrottle,
    Membership,
    Organisation,
    PasswordReset,
    RefreshToken,
    SpentTicket,
    User,
    UserKind,
)
from backend.identity.passkeys.models import Passkey
from backend.identity.second_factor.models import Authenticator
from backend.identity.throttle import FORGOTTEN_AFTER, Counter

_NO_ORGANISATION = 0
_SWEEP = 100


class Bearer(NamedTuple):
    """What `authenticate` asks about the bearer of an access token."""

    name: str
    role: Role


_HAS_SECOND_FACTOR = or_(
    exists().where(Authenticator.user_id == User.id, Authenticator.confirmed_at.is_not(None)),
    exists().where(Passkey.user_id == User.id),
)

# Built once: every request asks this.
_BEARER = (
    select(User.name, Membership.role)
    .join(Membership, Membership.user_id == User.id)
    .where(
        User.id == bindparam("user_id"),
        Membership.org_id == bindparam("org_id"),
        Membership.is_active,
        exists().where(
            RefreshToken.session_id == bindparam("session_id"),
            RefreshToken.org_id == bindparam("org_id"),
            RefreshToken.user_id == bindparam("user_id"),
            RefreshToken.revoked_at.is_(None),
        ),
    )
)


async def bearer(
    session: AsyncSession, *, org_id: int, user_id: int, session_id: str
) -> Bearer | None:
    """Return who the user is, if active in the organisation and the session not ended."""
    asked = {"org_id": org_id, "user_id": user_id, "session_id": session_id}
    row = (await session.execute(_BEARER, asked)).one_or_none()
    return None if row is None else Bearer(*row)


async def user_by_email(session: AsyncSession, email: str) -> User | None:
    """Return the user with an e-mail address, whatever its case."""
    return await session.scalar(
        select(User).where(func.lower(User.email) == func.lower(email.strip()))
    )


async def organisation(session: AsyncSession, org_id: int) -> Organisation:
    """Return an organisation."""
    return await session.get_one(Organisation, org_id)


async def any_organisation(session: AsyncSession) -> Organisation | None:
    """Return the first organisation there is."""
    return await session.scalar(select(Organisation).order_by(Organisation.id).limit(1))


async def lock_first_start(session: AsyncSession) -> None:
    """Let one transaction at a time ask whether this is the first start."""
    await session.execute(text("SELECT pg_advisory_xact_lock(7312027)"))


async def organisations_of(session: AsyncSession, user_id: int) -> Sequence[int]:
    """Return the organisations a user is active in, the one used last first, then the oldest.

    Leaves the transaction bound to none of them.
    """
    await set_tenant(session, Tenant(_NO_ORGANISATION, user_id))
    used = (
        select(func.max(RefreshToken.created_at))
        .where(RefreshToken.user_id == user_id, RefreshToken.org_id == Membership.org_id)
        .correlate(Membership)
        .scalar_subquery()
    )
    return (
        await session.scalars(
            select(Membership.org_id)
            .where(Membership.user_id == user_id, Membership.is_active)
            .order_by(used.desc().nulls_last(), Membership.created_at, Membership.org_id)
        )
    ).all()


async def belongs_elsewhere(session: AsyncSession, tenant: Tenant, user_id: int) -> bool:
    """Tell whether a user belongs to an organisation other than the tenant's."""
    await set_tenant(session, Tenant(tenant.org_id, user_id))
    elsewhere = await session.scalar(
        select(exists().where(Membership.user_id == user_id, Membership.org_id != tenant.org_id))
    )
    await set_tenant(session, tenant)
    return bool(elsewhere)


class Listed(NamedTuple):
    """A user of an organisation, as listed."""

    user: User
    membership: Membership
    key: str
    """By which users are sorted: the database's lower-cased name. Python lower-cases some letters otherwise."""
    has_second_factor: bool


async def users(
    session: AsyncSession,
    org_id: int,
    *,
    kind: UserKind | None,
    after: tuple[str, int] | None,
    limit: int,
) -> Sequence[Listed]:
    """Return users of an organisation by name, from `after` (sort key, id) on; of one kind where that is asked."""
    key = func.lower(User.name)
    statement = (
        select(User, Membership, key, _HAS_SECOND_FACTOR)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id)
        .order_by(key, User.id)
        .limit(limit)
    )
    if kind is not None:
        statement = statement.where(User.kind == kind)
    if after is not None:
        statement = statement.where((key > after[0]) | ((key == after[0]) & (User.id > after[1])))
    return [Listed(*row) for row in await session.execute(statement)]


async def people_by_role(session: AsyncSession, org_id: int) -> Sequence[tuple[Role, bool, int]]:
    """Return how many active people hold each role, apart by whether they have a second factor."""
    rows = await session.execute(
        select(Membership.role, _HAS_SECOND_FACTOR, func.count())
        .join(User, User.id == Membership.user_id)
        .where(Membership.org_id == org_id, Membership.is_active, User.kind == UserKind.PERSON)
        .group_by(Membership.role, _HAS_SECOND_FACTOR)
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def user(
    session: AsyncSession, org_id: int, user_id: int, *, lock: bool = False
) -> tuple[User, Membership] | None:
    """Return a user of an organisation."""
    statement = (
        select(User, Membership)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, User.id == user_id)
    )
    if lock:
        # What only refers to the user, such as the next token of a session, does not wait for this.
        statement = statement.with_for_update(key_share=True).execution_options(
            populate_existing=True
        )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row[0], row[1])


async def lock_administrators(session: AsyncSession, org_id: int) -> Sequence[int]:
    """Return the active administrators, locked: two of them cannot take each other's role at once."""
    return (await session.scalars(_administrators(org_id).with_for_update())).all()


async def hold_password(session: AsyncSession, user_id: int) -> str | None:
    """Return what is kept of a user's password. Who would change it, or deactivate the user, waits for this."""
    statement = select(User).where(User.id == user_id).with_for_update(read=True)
    user = await session.scalar(statement.execution_options(populate_existing=True))
    return None if user is None else user.password_hash


async def close_resets(session: AsyncSession, user_id: int, at: datetime) -> None:
    """Let no link by which a user could set a new password be good any more."""
    await session.execute(
        update(PasswordReset)
        .where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
        .values(used_at=at)
    )


async def replace_hash(session: AsyncSession, user_id: int, *, old: str, new: str) -> None:
    """Keep a stronger hash of the same password, unless the password was changed meanwhile."""
    await session.execute(
        update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new)
    )


async def claim_token(
    session: AsyncSession, token_hash: bytes, at: datetime
) -> RefreshToken | None:
    """Mark a refresh token replaced and return it; None unless it is unused, unexpired, and its user active.

    One statement, so that of two who present the same token one gets it.
    """
    active = exists().where(
        Membership.org_id == RefreshToken.org_id,
        Membership.user_id == RefreshToken.user_id,
        Membership.is_active,
    )
    return await session.scalar(
        update(RefreshToken)
        .where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.replaced_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > at,
            active,
        )
        .values(replaced_at=at)
        .returning(RefreshToken)
    )


async def token(session: AsyncSession, token_hash: bytes) -> RefreshToken | None:
    """Return a refresh token, whatever has become of it."""
    return await session.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))


def started_at(session_id: str | InstrumentedAttribute[str]) -> ColumnElement[datetime]:
    """Return when a session began, as its tokens say; now, where it has none yet."""
    token = aliased(RefreshToken)
    began = select(func.min(func.coalesce(token.started_at, token.created_at)))
    of_session = began.where(token.session_id == session_id).scalar_subquery()
    return func.coalesce(of_session, func.now())


async def current_token(session: AsyncSession, session_id: str) -> RefreshToken | None:
    """Return the last token of a session that stands."""
    return await session.scalar(
        select(RefreshToken)
        .where(RefreshToken.session_id == session_id, RefreshToken.revoked_at.is_(None))
        .order_by(RefreshToken.id.desc())
        .limit(1)
    )


async def revoke_sessions(
    session: AsyncSession,
    user_id: int,
    at: datetime,
    *,
    only: str | None = None,
    but: str | None = None,
) -> Sequence[str]:
    """End a user's sessions in the transaction's organisation and return their ids: all, one, or all but one."""
    statement = update(RefreshToken).where(
        RefreshToken.user_id == user_id, RefreshToken.revoked_at.is_(None)
    )
    if only is not None:
        statement = statement.where(RefreshToken.session_id == only)
    if but is not None:
        statement = statement.where(RefreshToken.session_id != but)
    revoked = statement.values(revoked_at=at).returning(RefreshToken.session_id)
    return sorted(set((await session.scalars(revoked)).all()))


async def sweep_tokens(session: AsyncSession, user_id: int, at: datetime) -> None:
    """Forget a user's refresh tokens that have expired."""
    await session.execute(
        delete(RefreshToken).where(RefreshToken.user_id == user_id, RefreshToken.expires_at < at)
    )


async def counters(session: AsyncSession, keys: Sequence[bytes]) -> dict[bytes, Counter]:
    """Return the failures counted under these keys."""
    rows = await session.execute(
        select(LoginThrottle.key, LoginThrottle.failures, LoginThrottle.last_failed_at).where(
            LoginThrottle.key.in_(keys)
        )
    )
    return {row.key: Counter(row.failures, row.last_failed_at) for row in rows}


async def count_failure(session: AsyncSession, key: bytes, at: datetime) -> None:
    """Count a failure under a key; one that had none for long starts afresh."""
    statement = insert(LoginThrottle).values(key=key, failures=1, last_failed_at=at)
    fresh = LoginThrottle.last_failed_at < at - FORGOTTEN_AFTER
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[LoginThrottle.key],
            set_={
                "failures": case((fresh, 1), else_=LoginThrottle.failures + 1),
                "last_failed_at": at,
            },
        )
    )


async def forget_failures(session: AsyncSession, key: bytes) -> None:
    """Let a key start afresh."""
    await session.execute(delete(LoginThrottle).where(LoginThrottle.key == key))


async def sweep_failures(session: AsyncSession, at: datetime) -> None:
    """Forget some of the keys that had no failure for long, so that the table stays small."""
    old = (
        select(LoginThrottle.key)
        .where(LoginThrottle.last_failed_at < at - FORGOTTEN_AFTER)
        .limit(_SWEEP)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(LoginThrottle).where(LoginThrottle.key.in_(old)))


async def group_ids(session: AsyncSession, org_id: int, user_id: int) -> Sequence[int]:
    """Return the groups a user is in, directly or through other groups; a circle among them does no harm."""
    direct = (
        select(GroupMember.group_id)
        .where(GroupMember.org_id == org_id, GroupMember.user_id == user_id)
        .cte(recursive=True)
    )
    outer = select(GroupMember.group_id).join(
        direct, GroupMember.member_group_id == direct.c.group_id
    )
    return (await session.scalars(select(direct.union(outer).c.group_id))).all()


async def organisation_ids(session: AsyncSession) -> Sequence[int]:
    """Return the ids of all organisations."""
    return (await session.scalars(select(Organisation.id).order_by(Organisation.id))).all()


async def administrator_ids(session: AsyncSession, org_id: int) -> Sequence[int]:
    """Return the ids of the active administrators of an organisation."""
    return (await session.scalars(_administrators(org_id))).all()


def _administrators(org_id: int) -> Select[int]:
    return (
        select(Membership.user_id)
        .where(
            Membership.org_id == org_id,
            Membership.role == Role.ADMINISTRATOR,
            Membership.is_active,
        )
        .order_by(Membership.user_id)
    )


async def spend_ticket(session: AsyncSession, digest: bytes, *, expires_at: datetime) -> bool:
    """Keep that a ticket was used; return False where it was before."""
    statement = insert(SpentTicket).values(digest=digest, expires_at=expires_at)
    spent = await session.execute(statement.on_conflict_do_nothing().returning(SpentTicket.digest))
    return spent.scalar_one_or_none() is not None


async def sweep_tickets(session: AsyncSession, at: datetime) -> None:
    """Forget some of the used tickets that have expired."""
    old = (
        select(SpentTicket.digest)
        .where(SpentTicket.expires_at < at)
        .limit(_SWEEP)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(SpentTicket).where(SpentTicket.digest.in_(old)))


async def user_by_id(session: AsyncSession, user_id: int) -> User:
    """Return a user, of whichever organisation."""
    return await session.get_one(User, user_id)


async def membership(session: AsyncSession, org_id: int, user_id: int) -> Membership | None:
    """Return a user's membership of an organisation, if active."""
    return await session.scalar(
        select(Membership).where(
            Membership.org_id == org_id, Membership.user_id == user_id, Membership.is_active
        )
    )


async def user_names(session: AsyncSession, user_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of users."""
    rows = await session.execute(select(User.id, User.name).where(User.id.in_(user_ids)))
    return {row.id: row.name for row in rows}
