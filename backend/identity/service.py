"""Who a caller is, and the users of an organisation. Signing in and out is `sessions`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import KEY_SESSION, Actor, Credentials, Role
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.core.errors import UnauthenticatedError
from backend.core.pagination import decode_cursor, encode_cursor
from backend.identity import queries
from backend.identity.api_keys import service as api_keys
from backend.identity.endings import end_sessions
from backend.identity.errors import (
    EmailTakenError,
    LastAdministratorError,
    NoPasswordError,
    OwnCredentialsError,
    SharedUserError,
    UserNotFoundError,
)
from backend.identity.models import Membership, Organisation, User, UserKind
from backend.identity.passwords import hash_password
from backend.identity.schemas import (
    MeOut,
    OrganisationRef,
    UserListed,
    UserOut,
    UserRef,
    UserUpdate,
)
from backend.identity.tokens import AccessClaims, TokenSigner


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """What `create_first_administrator` found or made; no user where the organisation was there before."""

    org_id: int
    user_id: int | None


@dataclass(frozen=True, slots=True)
class NewOrganisation:
    """What `create_organisation` made, and whether its administrator's account is new too."""

    org_id: int
    user_id: int
    is_new_account: bool


async def authenticate(
    session: AsyncSession, credentials: Credentials, *, signer: TokenSigner
) -> Actor:
    """Return who presents these credentials, and bind the transaction to the organisation acted in.

    Role, activity and session are read anew each time: what was taken away is gone at the next request.

    Raises:
        UnauthenticatedError: the credentials are missing or not valid any more.
    """
    if credentials.bearer is not None:
        return await act_as(session, signer.open_access_token(credentials.bearer))
    if credentials.api_key is not None:
        return await api_keys.authenticate(session, credentials.api_key)
    raise UnauthenticatedError("Sign in, and send the access token.")


async def act_as(session: AsyncSession, claims: AccessClaims) -> Actor:
    """Return the actor of a session that still stands, and bind the transaction to the organisation acted in.

    The claims are to come out of something the service signed.

    Raises:
        UnauthenticatedError: the session has ended, the key was revoked, or its user was deactivated.
    """
    if claims.session_id.startswith(KEY_SESSION):
        return await api_keys.act_as(session, claims)
    await set_tenant(session, Tenant(claims.org_id, claims.user_id))
    bearer = await queries.bearer(
        session,
        org_id=claims.org_id,
        user_id=claims.user_id,
        session_id=claims.session_id,
    )
    if bearer is None:
        raise UnauthenticatedError("The session has ended; sign in again.")
    return Actor(
        user_id=claims.user_id,
        org_id=claims.org_id,
        role=bearer.role,
        name=bearer.name,
        session_id=claims.session_id,
    )


async def resume(session: AsyncSession, actor: Actor) -> Actor:
    """Return the actor as of now, and bind the transaction to the organisation: for later parts of one request.

    Raises:
        UnauthenticatedError: the session has ended meanwhile, or the user was deactivated.
    """
    claims = AccessClaims(actor.user_id, actor.org_id, actor.session_id or "", actor.scopes)
    return await act_as(session, claims)


async def create_first_administrator(
    session: AsyncSession, *, organisation: str, email: str, name: str, password: str
) -> FirstAdministrator:
    """Create the first organisation with its administrator, where there is none; two at once make one.

    Binds the transaction to the organisation.
    """
    await queries.lock_first_start(session)
    existing = await queries.any_organisation(session)
    if existing is not None:
        await set_tenant(session, Tenant(existing.id))
        return FirstAdministrator(existing.id, None)
    made = await create_organisation(
        session, organisation=organisation, email=email, name=name, password=password
    )
    return FirstAdministrator(made.org_id, made.user_id)


async def create_organisation(
    session: AsyncSession, *, organisation: str, email: str, name: str, password: str
) -> NewOrganisation:
    """Create an organisation, to which the transaction is bound from then on, with its first administrator.

    Whoever has an account with this address administers it with that: name and password are not used then.
    """
    created = Organisation(name=organisation)
    session.add(created)
    await session.flush()
    await set_tenant(session, Tenant(created.id))
    known = await queries.user_by_email(session, email)
    if known is not None:
        session.add(Membership(org_id=created.id, user_id=known.id, role=Role.ADMINISTRATOR))
        await session.flush()
        return NewOrganisation(created.id, known.id, is_new_account=False)
    user = await create_user(
        session,
        org_id=created.id,
        email=email,
        name=name,
        password=password,
        role=Role.ADMINISTRATOR,
    )
    return NewOrganisation(created.id, user.id, is_new_account=True)


async def create_user(
    session: AsyncSession,
    *,
    org_id: int,
    email: str,
    name: str,
    password: str,
    role: Role = Role.MEMBER,
    created_by: int | None = None,
) -> UserOut:
    """Create a user of an organisation, to which the transaction must be bound.

    `created_by` is the administrator who does; None where the service does by itself.

    Raises:
        EmailTakenError: somebody has this e-mail address, whatever its case.
    """
    user = User(email=email.strip(), name=name, password_hash=await hash_password(password))
    try:
        async with session.begin_nested():
            session.add(user)
            await session.flush()
    except IntegrityError as error:
        raise EmailTakenError("Another user has this e-mail address.") from error
    membership = Membership(org_id=org_id, user_id=user.id, role=role)
    session.add(membership)
    await session.flush()
    await session.refresh(membership)
    deed = Deed(
        "user.created", f"user:{user.id}", {"email": user.email, "name": name, "role": role}
    )
    await audit.record(session, [deed], org_id=org_id, actor_id=created_by)
    return described(user, membership)


async def organisation_ids(session: AsyncSession) -> Sequence[int]:
    """Return the ids of all organisations, for jobs that go through them."""
    return await queries.organisation_ids(session)


async def administrator_ids(session: AsyncSession, org_id: int) -> Sequence[int]:
    """Return the ids of those who administer an organisation."""
    return await queries.administrator_ids(session, org_id)


async def addressee(session: AsyncSession, *, org_id: int, user_id: int) -> tuple[str, str] | None:
    """Return the address and the name of an organisation's user, for a letter; None where there is none any more."""
    found = await queries.user(session, org_id, user_id)
    if found is None or not found[1].is_active:
        return None
    return found[0].email, found[0].name


async def acting(session: AsyncSession, *, org_id: int, user_id: int) -> Actor | None:
    """Return a user of an organisation as who acts, for what is done in the user's name while nobody is signed in.

    None where the user was deactivated, or is an auditor, who works with no documents.
    """
    found = await queries.user(session, org_id, user_id)
    if found is None or not found[1].is_active or found[1].role is Role.AUDITOR:
        return None
    user, membership = found
    return Actor(user_id=user.id, org_id=org_id, role=membership.role, name=user.name)


async def user_names(session: AsyncSession, user_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of users, for what tells of their deeds."""
    return await queries.user_names(session, user_ids)


async def group_ids(session: AsyncSession, org_id: int, user_id: int) -> Sequence[int]:
    """Return the groups a user is in, directly or through other groups, in no order."""
    return await queries.group_ids(session, org_id, user_id)


async def me(session: AsyncSession, actor: Actor) -> MeOut:
    """Return who the actor is, and in which organisation."""
    user, _ = await _user(session, actor, actor.user_id)
    organisation = await queries.organisation(session, actor.org_id)
    return MeOut(
        user=UserRef.model_validate(user),
        organisation=OrganisationRef.model_validate(organisation),
        role=actor.role,
    )


async def account(session: AsyncSession, actor: Actor) -> User:
    """Return the actor's own account."""
    user, _ = await _user(session, actor, actor.user_id)
    return user


async def set_own_password(session: AsyncSession, actor: Actor, password_hash: str) -> None:
    """Give the actor a new password, and end all of the actor's sessions but the present one, in every organisation."""
    user = await account(session, actor)
    user.password_hash = password_hash
    await session.flush()
    await queries.close_resets(session, actor.user_id, now())
    for org_id in await queries.organisations_of(session, actor.user_id):
        await set_tenant(session, Tenant(org_id, actor.user_id))
        await end_sessions(session, org_id, actor.user_id, but=actor.session_id)
    await set_tenant(session, Tenant(actor.org_id, actor.user_id))
    deed = Deed("user.password_changed", f"user:{actor.user_id}")
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def list_users(
    session: AsyncSession,
    actor: Actor,
    *,
    kind: UserKind | None = None,
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[UserListed], str | None]:
    """Return a page of the organisation's users by name, of one kind or all, and the cursor of the next."""
    after = None if cursor is None else decode_cursor(cursor, str, int)
    rows = await queries.users(
        session,
        actor.org_id,
        kind=kind,
        after=None if after is None else (after[0], after[1]),
        limit=limit + 1,
    )
    page = [
        UserListed(
            **described(one.user, one.membership).model_dump(),
            kind=one.user.kind,
            has_second_factor=one.has_second_factor,
        )
        for one in rows[:limit]
    ]
    if len(rows) <= limit:
        return page, None
    last = rows[limit - 1]
    return page, encode_cursor(last.key, last.user.id)


async def update_user(
    session: AsyncSession, actor: Actor, user_id: int, changes: UserUpdate
) -> UserOut:
    """Change a user of the organisation. Deactivation, a new password and becoming an auditor end the user's sessions.

    Raises:
        UserNotFoundError: the organisation has no such user.
        LastAdministratorError: nobody would be left to administer the organisation.
        SharedUserError: name and password belong to the user of several organisations, not to one of them.
        OwnCredentialsError: the actor's own password is changed with the former one.
        NoPasswordError: a program has none.
    """
    if changes.password is not None and user_id == actor.user_id:
        raise OwnCredentialsError("Change your own password on the page Security.")
    # Locked before the user's own row, in everyone's order.
    administrators = await queries.lock_administrators(session, actor.org_id)
    user, membership = await _user(session, actor, user_id, lock=True)
    steps_down = changes.role not in {None, Role.ADMINISTRATOR} or changes.is_active is False
    if steps_down and list(administrators) == [user_id]:
        raise LastAdministratorError(
            "An organisation needs an active administrator; appoint another one first."
        )
    before = _facts(user, membership)
    if changes.name is not None or changes.password is not None:
        await _change_account(session, actor, user, changes)
    if changes.role is not None:
        membership.role = changes.role
    if changes.is_active is not None:
        membership.is_active = changes.is_active
    await session.flush()
    # An auditor's open pages must not go on hearing of documents.
    becomes_auditor = changes.role is Role.AUDITOR
    if changes.is_active is False or changes.password is not None or becomes_auditor:
        await end_sessions(session, actor.org_id, user_id)
    await _record_changes(session, actor, before, _facts(user, membership), changes)
    return described(user, membership)


def _facts(user: User, membership: Membership) -> dict[str, Any]:
    """Return what can be changed of a user, and told, for the audit trail."""
    return {
        "id": user.id,
        "name": user.name,
        "role": membership.role,
        "is_active": membership.is_active,
    }


async def _record_changes(
    session: AsyncSession,
    actor: Actor,
    before: dict[str, Any],
    after: dict[str, Any],
    changes: UserUpdate,
) -> None:
    user_id = before["id"]
    deeds = []
    if (changed := audit.changes(before, after)) is not None:
        deeds.append(Deed("user.updated", f"user:{user_id}", changed))
    if changes.password is not None:
        deeds.append(Deed("user.password_set", f"user:{user_id}"))
    await audit.record(session, deeds, org_id=actor.org_id, actor_id=actor.user_id)


async def _change_account(
    session: AsyncSession, actor: Actor, user: User, changes: UserUpdate
) -> None:
    if await queries.belongs_elsewhere(session, Tenant(actor.org_id, actor.user_id), user.id):
        raise SharedUserError(
            "The user belongs to another organisation too; only the user may change name and password."
        )
    if changes.name is not None:
        user.name = changes.name
    if changes.password is None:
        return
    if user.kind is UserKind.MACHINE:
        raise NoPasswordError("A service account has API keys and no password.")
    user.password_hash = await hash_password(changes.password)
    await queries.close_resets(session, user.id, now())


async def require_user(session: AsyncSession, actor: Actor, user_id: int) -> None:
    """Return if the actor's organisation has this user, active or not.

    Raises:
        UserNotFoundError: it has not.
    """
    await _user(session, actor, user_id)


async def _user(
    session: AsyncSession, actor: Actor, user_id: int, *, lock: bool = False
) -> tuple[User, Membership]:
    found = await queries.user(session, actor.org_id, user_id, lock=lock)
    if found is None:
        raise UserNotFoundError(f"There is no user {user_id}.")
    return found


def described(user: User, membership: Membership) -> UserOut:
    """Return what administrators are shown of a user."""
    return UserOut(
        id=user.id,
        email=user.email,
        name=user.name,
        role=membership.role,
        is_active=membership.is_active,
        created_at=membership.created_at,
    )
