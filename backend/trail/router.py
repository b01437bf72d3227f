"""HTTP of the audit trail: for auditors and administrators, and each document's own history for its readers."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from backend.audit import service as audit
from backend.audit.errors import TrailDamagedError
from backend.audit.service import Filters
from backend.audit.statements import Signer
from backend.core.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import (
    ActorDep,
    AnyonesUnitsDep,
    AuditorDep,
    DatabaseDep,
    SessionDep,
    SettingsDep,
    require_auditor,
)
from backend.trail import service
from backend.trail.schemas import (
    ChainStateOut,
    CheckpointOut,
    EventOut,
    ExportFormat,
    HistoryEntry,
)

_REFUSALS = (UnauthenticatedError, ForbiddenError)
_MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl",
}
_SHORT = 200

router = APIRouter(tags=["audit"], responses=problem_responses(*_REFUSALS))


def _filters(
    actor: Annotated[int | None, Query(description="Who acted, by id.")] = None,
    by_service: Annotated[bool, Query(description="Only what no user did.")] = False,  # noqa: FBT002
    action: Annotated[list[str] | None, Query(description="Any of these actions.")] = None,
    object: Annotated[  # noqa: A002 - the field's name
        str | None, Query(max_length=_SHORT, description="Such as `document:45`.")
    ] = None,
    address: Annotated[str | None, Query(max_length=_SHORT)] = None,
    session: Annotated[str | None, Query(max_length=_SHORT)] = None,
    request: Annotated[str | None, Query(max_length=_SHORT)] = None,
    since: datetime | None = None,
    until: Annotated[datetime | None, Query(description="Exclusive.")] = None,
    text: Annotated[
        str | None, Query(max_length=_SHORT, description="In action, object or data.")
    ] = None,
) -> Filters:
    return Filters(
        actor_id=actor,
        by_service=by_service,
        actions=tuple(action or ()),
        object=object,
        address=address,
        session_id=session,
        request_id=request,
        since=since,
        until=until,
        text=text,
    )


def _signer(request: Request) -> Signer:
    signer: Signer = request.app.state.audit_signer
    return signer


FiltersDep = Annotated[Filters, Depends(_filters)]
SignerDep = Annotated[Signer, Depends(_signer)]
Folder = Annotated[
    int | None, Query(description="Only what was done to a folder, or to what was below it.")
]


@router.get(
    "/audit/events",
    operation_id="listAuditEvents",
    summary="Search the audit trail",
    responses=problem_responses(InvalidCursorError),
)
async def list_events(
    session: SessionDep,
    actor: AuditorDep,
    filters: FiltersDep,
    folder: Folder = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EventOut]:
    """Return events, newest first."""
    if folder is not None:
        filters = await service.within_folder(session, filters, folder)
    items, next_cursor = await service.list_events(
        session, actor, filters, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/audit/export",
    operation_id="exportAuditEvents",
    summary="Export the audit trail",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/jsonl": {}}}},
)
async def export_events(
    request: Request,
    units: AnyonesUnitsDep,
    database: DatabaseDep,
    filters: FiltersDep,
    folder: Folder = None,
    format: ExportFormat = ExportFormat.CSV,  # noqa: A002 - the field's name
) -> StreamingResponse:
    """Send the events, oldest first. That they were exported is in the trail too."""
    async with units.begin() as (session, actor):
        require_auditor(actor)
        if folder is not None:
            filters = await service.within_folder(session, filters, folder)
        asked = {"query": request.url.query} if request.url.query else {}
        await service.record_export(session, actor, format, asked)
    return StreamingResponse(
        service.export(database, actor.org_id, filters, format),
        media_type=_MEDIA_TYPES[format],
        headers={
            "Content-Disposition": f'attachment; filename="audit.{format}"',
            "Cache-Control": "private, no-store",
        },
    )


@router.get(
    "/audit/actions", operation_id="listAuditActions", summary="List the actions in the trail"
)
async def list_actions(session: SessionDep, actor: AuditorDep) -> list[str]:
    """Return what can be filtered by, in order."""
    return await audit.list_actions(session, actor.org_id)


@router.get(
    "/audit/chain",
    operation_id="getAuditChain",
    summary="Get how far the trail is sealed and signed",
)
async def get_chain(
    session: SessionDep, actor: AuditorDep, signer: SignerDep, settings: SettingsDep
) -> ChainStateOut:
    """Return the state of the chain, and the key that verifies its checkpoints."""
    return await service.chain_state(
        session, actor, signer=signer, retention_days=settings.audit_retention_days
    )


@router.get(
    "/audit/checkpoints",
    operation_id="listAuditCheckpoints",
    summary="List signed checkpoints",
    responses=problem_responses(InvalidCursorError),
)
async def list_checkpoints(
    session: SessionDep, actor: AuditorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[CheckpointOut]:
    """Return checkpoints, newest first, as `dms audit verify --from-checkpoint` takes them."""
    items, next_cursor = await service.list_checkpoints(session, actor, cursor=cursor, limit=limit)
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/audit/checkpoints",
    operation_id="createAuditCheckpoint",
    summary="Sign how the trail stands",
    responses=problem_responses(TrailDamagedError),
)
async def create_checkpoint(
    session: SessionDep, actor: AuditorDep, signer: SignerDep
) -> CheckpointOut | None:
    """Return the newest checkpoint: a new one, if something was sealed since the last."""
    return await service.make_checkpoint(session, actor, signer)


@router.get(
    "/documents/{document_id}/history",
    operation_id="listDocumentHistory",
    summary="List what became of a document",
    tags=["documents"],
    responses=problem_responses(NotFoundError, InvalidCursorError),
)
async def list_history(
    session: SessionDep,
    actor: ActorDep,
    document_id: int,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[HistoryEntry]:
    """Return changes, newest first: who made them, when, and what was there before."""
    items, next_cursor = await service.history(
        session, actor, document_id, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)
