"""Where a user stands: which organisation to sign in to, and what is asked there."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Role
from backend.core.db import Tenant, set_tenant
from backend.identity import queries
from backend.identity.errors import InvalidTicketError
from backend.identity.models import Organisation, RequiredOf
from backend.identity.passkeys import service as passkeys
from backend.identity.second_factor import service as second_factor
from backend.identity.second_factor.errors import AuthenticatorExistsError
from backend.identity.sessions import SessionKeeper
from backend.identity.signin.service.proof import PASSKEY, Proven, known_by


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a user stands: the organisation to sign in to, and what is asked there."""

    org_id: int
    role: Role
    methods: tuple[str, ...]
    """What the user has as a second factor."""
    is_asked: bool
    """Whether the organisation asks for one."""


async def find_standing(
    session: AsyncSession, keeper: SessionKeeper, proven: Proven
) -> Standing | None:
    """Return where a user stands, and bind the transaction to the organisation.

    None where the user is not active, or the password was changed since it was given. Whoever deactivates the user, or
    changes the password, waits until the transaction ends, and then ends the session that it began.
    """
    user_id = proven.user_id
    password_hash = await queries.hold_password(session, user_id)
    if proven.password is not None and (
        password_hash is None or proven.password != known_by(keeper, password_hash)
    ):
        return None
    organisations = await queries.organisations_of(session, user_id)
    if proven.org_id is not None:
        organisations = [one for one in organisations if one == proven.org_id]
    if not organisations:
        return None
    org_id = organisations[0]
    await set_tenant(session, Tenant(org_id, user_id))
    membership = await queries.membership(session, org_id, user_id)
    if membership is None:
        return None
    held = await second_factor.held(session, user_id)
    methods = []
    if held.authenticator_since is not None:
        methods.append(second_factor.TOTP)
    if await passkeys.count_of(session, user_id):
        methods.append(PASSKEY)
    if methods and held.recovery_codes:
        methods.append(second_factor.RECOVERY_CODE)
    asked = await is_asked(session, org_id, membership.role)
    return Standing(org_id, membership.role, tuple(methods), asked)


async def must_stand(session: AsyncSession, keeper: SessionKeeper, proven: Proven) -> Standing:
    """Return where a user stands who has proven something before, as `find_standing` does.

    Raises:
        InvalidTicketError: that is not good any more.
    """
    standing = await find_standing(session, keeper, proven)
    if standing is None:
        raise InvalidTicketError("What was proven before is not good any more; sign in again.")
    return standing


async def must_enrol(session: AsyncSession, keeper: SessionKeeper, proven: Proven) -> Standing:
    """Return where a user stands who has no second factor still: the password alone is not enough to add another."""
    standing = await must_stand(session, keeper, proven)
    if standing.methods:
        raise AuthenticatorExistsError("A second factor was set up meanwhile; sign in with it.")
    return standing


async def is_asked(session: AsyncSession, org_id: int, role: Role) -> bool:
    """Tell whether an organisation asks those who hold a role for a second factor."""
    organisation = await queries.organisation(session, org_id)
    return _asks(organisation, role)


def _asks(organisation: Organisation, role: Role) -> bool:
    of = organisation.second_factor
    return of is RequiredOf.EVERYBODY or (
        of is RequiredOf.ADMINISTRATORS and role is Role.ADMINISTRATOR
    )
