"""Invitations. Who has no account yet chooses name and password; who has one joins with it.

An administrator does not learn whether an address has an account in another organisation: inviting answers alike.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Deed, record
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.db import Tenant, set_tenant
from backend.core.outbox import emit
from backend.core.pagination import decode_cursor, encode_cursor
from backend.core.settings import Settings
from backend.identity import letters
from backend.identity import queries as users
from backend.identity import service as identity
from backend.identity.errors import EmailTakenError
from backend.identity.groups import service as groups
from backend.identity.invitations import queries
from backend.identity.invitations.errors import (
    AccountExistsError,
    AlreadyInvitedError,
    AlreadyMemberError,
    InvitationForAnotherError,
    InvitationNotFoundError,
)
from backend.identity.invitations.queries import Sent
from backend.identity.invitations.schemas import (
    InvitationAccept,
    InvitationCreate,
    InvitationJoin,
    InvitationOpened,
    InvitationOut,
    InvitationState,
    InvitedGroup,
)
from backend.identity.links import LinkSecret, Purpose, hash_of, secret_of
from backend.identity.models import Group, Invitation
from backend.identity.schemas import OrganisationRef, UserRef
from backend.identity.sessions import SessionKeeper, Tokens
from backend.identity.signin import service as signin
from backend.identity.signin.service import Proven
from backend.identity.tokens import TokenSigner
from backend.notifications.mail import Letter

GOOD_FOR = timedelta(days=7)
_PATH = "/accept-invitation"
_TOKEN = re.compile(r"([1-9][0-9]{0,17})\.([A-Za-z0-9_-]{43})")
_NOT_VALID = (
    "This invitation is not valid: it was used, withdrawn, or has expired. Ask for another."
)


@dataclass(frozen=True, slots=True)
class Post:
    """How an invitation gets to the invited: by mail or, where there is no mail server, by hand."""

    signer: TokenSigner
    by_mail: bool


async def list_invitations(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[list[InvitationOut], str | None]:
    """Return a page of the organisation's invitations, the newest first, and the cursor of the next."""
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = await queries.invitations(session, actor.org_id, before=before, limit=limit + 1)
    page = rows[:limit]
    into = await queries.groups_of(session, actor.org_id, [one.invitation.id for one in page])
    items = [_described(one, into.get(one.invitation.id, ())) for one in page]
    return items, encode_cursor(page[-1].invitation.id) if len(rows) > limit else None


async def invite(
    session: AsyncSession, actor: Actor, given: InvitationCreate, *, post: Post
) -> InvitationOut:
    """Invite an address to the actor's organisation.

    Raises:
        AlreadyMemberError: its user belongs to the organisation.
        AlreadyInvitedError: it was invited, and the invitation is still open.
        GroupNotFoundError: the organisation does not have one of the groups.
    """
    into = await groups.require_groups(session, actor, sorted(set(given.group_ids)))
    if await queries.is_member(session, actor.org_id, given.email):
        raise AlreadyMemberError("The user with this address belongs to the organisation already.")
    await queries.revoke_expired(session, actor.org_id, given.email, now())
    secret = LinkSecret.new(post.signer, Purpose.INVITATION)
    invitation = Invitation(
        org_id=actor.org_id,
        email=given.email,
        role=given.role,
        language=given.language,
        nonce=secret.nonce,
        secret_hash=secret.hash,
        invited_by=actor.user_id,
        expires_at=now() + GOOD_FOR,
    )
    try:
        async with session.begin_nested():
            session.add(invitation)
            await session.flush()
    except IntegrityError as error:
        raise AlreadyInvitedError(
            "This address was invited already; send the invitation again, or withdraw it."
        ) from error
    await queries.add_groups(session, actor.org_id, invitation.id, [one.id for one in into])
    facts = {
        "email": given.email,
        "role": given.role,
        "groups": [f"group:{one.id}" for one in into],
    }
    await _record(session, actor, "user.invited", invitation.id, facts)
    return await _posted(session, actor, invitation.id, post)


async def resend(
    session: AsyncSession, actor: Actor, invitation_id: int, *, post: Post
) -> InvitationOut:
    """Send an invitation anew, with a new link; the one sent before is dead. An expired one is open again.

    Raises:
        InvitationNotFoundError: there is no such invitation, or it was accepted or withdrawn.
    """
    invitation = await _unanswered(session, actor, invitation_id)
    secret = LinkSecret.new(post.signer, Purpose.INVITATION)
    invitation.nonce, invitation.secret_hash = secret.nonce, secret.hash
    invitation.expires_at, invitation.sent_at = now() + GOOD_FOR, None
    await session.flush()
    await _record(session, actor, "invitation.resent", invitation_id, {"email": invitation.email})
    return await _posted(session, actor, invitation_id, post)


async def revoke(session: AsyncSession, actor: Actor, invitation_id: int) -> None:
    """Withdraw an invitation: its link is dead.

    Raises:
        InvitationNotFoundError: there is no such invitation, or it was accepted or withdrawn.
    """
    invitation = await _unanswered(session, actor, invitation_id)
    invitation.revoked_at = now()
    await session.flush()
    await _record(session, actor, "invitation.revoked", invitation_id, {"email": invitation.email})


async def open_link(session: AsyncSession, token: str) -> InvitationOpened:
    """Return what the bearer of an invitation's link is asked to join.

    Raises:
        InvitationNotFoundError: the link opens nothing, or nothing any more.
    """
    invitation, inviter = await _by_token(session, token)
    organisation = await users.organisation(session, invitation.org_id)
    return InvitationOpened(
        organisation=OrganisationRef.model_validate(organisation),
        email=invitation.email,
        invited_by=inviter.name,
        has_account=await users.user_by_email(session, invitation.email) is not None,
    )


async def accept(keeper: SessionKeeper, given: InvitationAccept, *, address: str) -> Tokens:
    """Accept an invitation with a new account, and begin a session: the link has proven the address.

    The account is there even where the session is not begun yet. `address` is the network address of the caller.

    Raises:
        EnrolmentRequiredError: accepted; the organisation asks for a second factor, which is to be set up first.
        InvitationNotFoundError: the link opens nothing, or nothing any more.
        AccountExistsError: the address has an account; whoever signs in with that may accept.
    """
    async with keeper.database.transaction() as session:
        proven = await _join(session, given)
    return await signin.go_on(keeper, proven, address=address)


async def _join(session: AsyncSession, given: InvitationAccept) -> Proven:
    invitation, _ = await _by_token(session, given.token, lock=True)
    try:
        user = await identity.create_user(
            session,
            org_id=invitation.org_id,
            email=invitation.email,
            name=given.name,
            password=given.password,
            role=invitation.role,
        )
    except EmailTakenError as error:
        raise AccountExistsError(
            "You have an account with this address: sign in to accept the invitation."
        ) from error
    await _accepted(session, invitation, user.id)
    return Proven(user.id, signin.INVITATION, org_id=invitation.org_id)


async def join(keeper: SessionKeeper, given: InvitationJoin, *, address: str) -> Tokens:
    """Accept an invitation with the account that has its address, by the password of that, and begin a session.

    Signing in first would not do for whoever is active nowhere. The membership is there even where the session is not
    begun yet.

    Raises:
        SecondFactorRequiredError, EnrolmentRequiredError: accepted; a second factor is asked for now.
        InvitationNotFoundError: the link opens nothing, or nothing any more.
        InvalidCredentialsError: it is not the password of the account, or there is none.
        AlreadyMemberError: the user belongs to the organisation, active or deactivated.
        TooManyAttemptsError, UnavailableError, IdentityRefusedError, LinkNeededError: as in signing in.
    """
    async with keeper.database.transaction() as session:
        invitation, _ = await _by_token(session, given.token)
    proven = await signin.prove(
        keeper, email=invitation.email, password=given.password, address=address
    )
    async with keeper.database.transaction() as session:
        org_id = await _join_as(session, given.token, proven.user_id)
    return await signin.go_on(keeper, replace(proven, org_id=org_id), address=address)


async def accept_as(session: AsyncSession, actor: Actor, token: str) -> OrganisationRef:
    """Accept an invitation with the account signed in with; return the organisation joined.

    Raises:
        InvitationNotFoundError: the link opens nothing, or nothing any more.
        InvitationForAnotherError: it was sent to another address.
        AlreadyMemberError: the user belongs to the organisation, active or deactivated.
    """
    org_id = await _join_as(session, token, actor.user_id)
    organisation = await users.organisation(session, org_id)
    await set_tenant(session, Tenant(actor.org_id, actor.user_id))
    return OrganisationRef.model_validate(organisation)


async def _join_as(session: AsyncSession, token: str, user_id: int) -> int:
    """Let a user join the organisation that a link names, and return it; the transaction is bound to it."""
    invitation, _ = await _by_token(session, token, lock=True, user_id=user_id)
    if not await queries.is_sent_to(session, invitation.id, user_id):
        raise InvitationForAnotherError(
            "This invitation was sent to another address; sign in with the account of that address."
        )
    if not await queries.add_membership(session, invitation.org_id, user_id, invitation.role):
        raise AlreadyMemberError("You belong to this organisation already.")
    await _accepted(session, invitation, user_id)
    return invitation.org_id


async def letter(
    session: AsyncSession,
    invitation_id: int,
    *,
    org_id: int,
    signer: TokenSigner,
    settings: Settings,
) -> tuple[str, Letter] | None:
    """Return the address an invitation goes to and what it says; None where it is not open any more.

    The transaction is bound to the organisation.
    """
    found = await queries.invitation(session, org_id, invitation_id)
    if found is None or _state(found.invitation) is not InvitationState.OPEN:
        return None
    invitation, inviter = found
    organisation = await users.organisation(session, org_id)
    written = letters.invitation(
        invitation.language,
        organisation=organisation.name,
        inviter=inviter.name,
        link=settings.web_url + _path_of(signer, invitation),
        days=GOOD_FOR.days,
    )
    return invitation.email, written


async def mark_sent(session: AsyncSession, invitation_id: int, *, org_id: int) -> None:
    """Note that a mail server took an invitation."""
    found = await queries.invitation(session, org_id, invitation_id, lock=True)
    if found is not None:
        found.invitation.sent_at = now()
        await session.flush()


async def _posted(
    session: AsyncSession, actor: Actor, invitation_id: int, post: Post
) -> InvitationOut:
    """Have the invitation sent or, where nothing can be sent, put its link into the answer."""
    found = await queries.invitation(session, actor.org_id, invitation_id)
    if found is None:
        raise InvitationNotFoundError(_NOT_VALID)
    into = await queries.groups_of(session, actor.org_id, [invitation_id])
    described = _described(found, into.get(invitation_id, ()))
    if post.by_mail:
        data = {"invitation_id": invitation_id}
        await emit(session, "invitation.mail_due", org_id=actor.org_id, data=data)
    else:
        described.link = _path_of(post.signer, found.invitation)
    return described


async def _unanswered(session: AsyncSession, actor: Actor, invitation_id: int) -> Invitation:
    found = await queries.invitation(session, actor.org_id, invitation_id, lock=True)
    if found is None or _state(found.invitation) not in {
        InvitationState.OPEN,
        InvitationState.EXPIRED,
    }:
        raise InvitationNotFoundError(f"There is no open invitation {invitation_id}.")
    return found.invitation


async def _by_token(
    session: AsyncSession, token: str, *, lock: bool = False, user_id: int | None = None
) -> Sent:
    """Return the invitation a link opens, and bind the transaction to its organisation, which the link names."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvitationNotFoundError(_NOT_VALID)
    org_id = int(match[1])
    await set_tenant(session, Tenant(org_id, user_id))
    found = await queries.open_invitation(session, org_id, hash_of(match[2]), now(), lock=lock)
    if found is None:
        raise InvitationNotFoundError(_NOT_VALID)
    return found


async def _accepted(session: AsyncSession, invitation: Invitation, user_id: int) -> None:
    invitation.accepted_at, invitation.accepted_by = now(), user_id
    await session.flush()
    into = await queries.groups_of(session, invitation.org_id, [invitation.id])
    group_ids = [group.id for group in into.get(invitation.id, ())]
    await queries.join_groups(session, invitation.org_id, user_id, group_ids)
    facts = {"user": user_id, "role": invitation.role}
    deeds = [
        Deed("invitation.accepted", f"invitation:{invitation.id}", facts),
        *(
            Deed("group_member.added", f"group:{one}", {"member": f"user:{user_id}"})
            for one in group_ids
        ),
    ]
    await record(session, deeds, org_id=invitation.org_id, actor_id=user_id)


async def _record(
    session: AsyncSession, actor: Actor, action: str, invitation_id: int, data: Mapping[str, object]
) -> None:
    deed = Deed(action, f"invitation:{invitation_id}", data)
    await record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def _path_of(signer: TokenSigner, invitation: Invitation) -> str:
    """Return the link from its path on. What is behind # stays in the browser, out of every log on the way."""
    secret = secret_of(signer, Purpose.INVITATION, invitation.nonce)
    return f"{_PATH}#{invitation.org_id}.{secret}"


def _state(invitation: Invitation) -> InvitationState:
    if invitation.accepted_at is not None:
        return InvitationState.ACCEPTED
    if invitation.revoked_at is not None:
        return InvitationState.REVOKED
    return InvitationState.EXPIRED if invitation.expires_at <= now() else InvitationState.OPEN


def _described(sent: Sent, into: Sequence[Group]) -> InvitationOut:
    invitation, inviter = sent
    return InvitationOut(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        groups=[InvitedGroup.model_validate(group) for group in into],
        language=invitation.language,
        state=_state(invitation),
        invited_by=UserRef.model_validate(inviter),
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        sent_at=invitation.sent_at,
    )
