"""Acting as somebody who is not there: what an operator brings in is filed in a person's name and with their rights.

Nobody is signed in then, so nothing is asked of a session; role and activity are read anew in each transaction.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.db import Tenant, set_tenant
from backend.core.errors import UnauthenticatedError
from backend.identity import queries
from backend.identity.errors import UserNotFoundError
from backend.identity.service import acting


async def find_user(session: AsyncSession, *, email: str, organisation: str | None) -> Actor:
    """Return the active user with this address, and bind the transaction to the organisation.

    `organisation` is its id or its name; it may be left out where the user belongs to one alone.

    Raises:
        UserNotFoundError: nobody active has the address, in that organisation or in exactly one.
        UnauthenticatedError: it is an auditor, who files nothing.
    """
    user = await queries.user_by_email(session, email)
    org_ids = [] if user is None else await queries.organisations_of(session, user.id)
    names = {one: (await queries.organisation(session, one)).name for one in org_ids}
    wanted = [
        org_id
        for org_id, name in names.items()
        if organisation is None or organisation in {str(org_id), name}
    ]
    if user is None or not wanted:
        where = "" if organisation is None else f" of {organisation!r}"
        raise UserNotFoundError(f"No active user{where} has the e-mail address {email}.")
    if len(wanted) > 1:
        known = ", ".join(f"{org_id} ({names[org_id]})" for org_id in wanted)
        raise UserNotFoundError(f"{email} belongs to several organisations; say which: {known}.")
    return await act_for(session, org_id=wanted[0], user_id=user.id)


async def act_for(session: AsyncSession, *, org_id: int, user_id: int) -> Actor:
    """Return a user of an organisation as an actor, and bind the transaction to the organisation.

    Raises:
        UnauthenticatedError: the user is not active there any more, or is an auditor, who files nothing.
    """
    await set_tenant(session, Tenant(org_id, user_id))
    actor = await acting(session, org_id=org_id, user_id=user_id)
    if actor is None:
        raise UnauthenticatedError(
            f"User {user_id} is not active in the organisation, or is an auditor, who files nothing."
        )
    return actor
