"""The administrators' view of the store."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.core.errors import ForbiddenError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, SessionDep, SettingsDep
from backend.verification import service
from backend.verification.schemas import FaultOut, FaultState, StorageStatus

router = APIRouter(prefix="/storage", tags=["storage"])


@router.get(
    "",
    operation_id="getStorage",
    summary="Get how much is stored, and whether it is whole",
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
async def get_storage(
    session: SessionDep, actor: AdministratorDep, settings: SettingsDep
) -> StorageStatus:
    """Return the organisation's amounts and open faults, and the checks of the store."""
    return await service.storage_status(session, actor, scrub_days=settings.scrub_days)


@router.get(
    "/faults",
    operation_id="listStorageFaults",
    summary="List what is wrong with stored content",
    responses=problem_responses(UnauthenticatedError, ForbiddenError, InvalidCursorError),
)
async def list_storage_faults(
    session: SessionDep,
    actor: AdministratorDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[FaultState, Query(description="Which faults.")] = FaultState.OPEN,
) -> Page[FaultOut]:
    """Return faults, newest first, with the documents that have the content."""
    items, next_cursor = await service.list_faults(
        session, actor, state=state, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)
