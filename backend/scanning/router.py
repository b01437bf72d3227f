"""The administrators' quarantine."""

from typing import Annotated

from fastapi import APIRouter, Query, status

from backend.core.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, SessionDep
from backend.scanning import service
from backend.scanning.errors import NotReleasedError, QuarantineDecidedError
from backend.scanning.models import QuarantineState
from backend.scanning.schemas import QuarantineOut, ReleaseIn

router = APIRouter(
    prefix="/quarantine",
    tags=["quarantine"],
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)


@router.get(
    "",
    operation_id="listQuarantine",
    summary="List content in which malware was found",
    responses=problem_responses(InvalidCursorError),
)
async def list_quarantine(
    session: SessionDep,
    actor: AdministratorDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[QuarantineState, Query(description="Which.")] = QuarantineState.HELD,
) -> Page[QuarantineOut]:
    """Return what was found in stored content, newest first, with the documents that have it."""
    items, next_cursor = await service.list_quarantine(
        session, actor, state=state, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/{quarantine_id}/release",
    operation_id="releaseQuarantined",
    summary="Release content from quarantine",
    responses=problem_responses(NotFoundError, QuarantineDecidedError),
)
async def release_quarantined(
    session: SessionDep, actor: AdministratorDep, quarantine_id: int, body: ReleaseIn
) -> QuarantineOut:
    """Let the content be read again. For this signature it is neither quarantined nor refused any more."""
    return await service.release(session, actor, quarantine_id, reason=body.reason)


@router.post(
    "/{quarantine_id}/revoke",
    operation_id="revokeRelease",
    summary="Take the release of content back",
    responses=problem_responses(NotFoundError, NotReleasedError),
)
async def revoke_release(
    session: SessionDep, actor: AdministratorDep, quarantine_id: int
) -> QuarantineOut:
    """Treat the content as malware again: what is stored of it goes into quarantine, and it is not taken any more."""
    return await service.revoke(session, actor, quarantine_id)


@router.delete(
    "/{quarantine_id}",
    operation_id="deleteQuarantined",
    summary="Delete content in quarantine for good",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(NotFoundError, QuarantineDecidedError),
)
async def delete_quarantined(
    session: SessionDep, actor: AdministratorDep, quarantine_id: int
) -> None:
    """Delete every version with the content, and the documents that have no other version."""
    await service.delete(session, actor, quarantine_id)
