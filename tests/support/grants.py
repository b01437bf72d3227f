"""Grants as rows, for tests that write their library without HTTP."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.models import Grant
from backend.access.roles import ACTIONS_OF, GrantRole
from backend.access.rules import Effect
from backend.access.service import granting


async def give(
    session: AsyncSession,
    org_id: int,
    *,
    user_id: int | None = None,
    group_id: int | None = None,
    folder_id: int | None = None,
    document_id: int | None = None,
    role: GrantRole = GrantRole.READER,
    effect: Effect = Effect.ALLOW,
    by: int,
) -> int:
    """Write a grant with the rule it compiles into, and return its id."""
    grant = Grant(
        org_id=org_id,
        user_id=user_id,
        group_id=group_id,
        folder_id=folder_id,
        document_id=document_id,
        role=role,
        effect=effect,
        created_by=by,
    )
    return await granting.write(session, grant, ACTIONS_OF[role])
