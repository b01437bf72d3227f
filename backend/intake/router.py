"""Ways in, as administrators set them up and look after them."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response, status

from backend.core.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    UnauthenticatedError,
)
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import (
    ActorDep,
    AdministratorDep,
    SessionDep,
    SettingsDep,
    UnitsDep,
    require_administrator,
)
from backend.identity.sealing import Sealer
from backend.intake import service
from backend.intake.errors import (
    AddressTakenError,
    ItemFiledError,
    ItemNotFoundError,
    NotOfThisKindError,
    RuleInvalidError,
    SettingsRefusedError,
    SourceNotFoundError,
    SourcePausedError,
)
from backend.intake.models import ItemState
from backend.intake.schemas import (
    ItemOut,
    OriginOut,
    RulesIn,
    RulesOut,
    SourceCheckOut,
    SourceIn,
    SourceOut,
    SourcesOut,
    SourceUpdate,
    TrialIn,
    TrialOut,
)

router = APIRouter(
    prefix="/intake",
    tags=["intake"],
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
of_documents = APIRouter(tags=["documents"], responses=problem_responses(UnauthenticatedError))
"""What readers of a document are told of its way in."""

_WRITTEN = (NotFoundError, SettingsRefusedError, AddressTakenError, InvalidError)
IfMatch = Annotated[str | None, Header(description="The ETag the change is based on.")]
RulesIfMatch = Annotated[str, Header(description="The ETag of the rules the change is based on.")]


@router.get("/sources", operation_id="listIntakeSources", summary="List the ways in")
async def list_sources(session: SessionDep, actor: AdministratorDep) -> SourcesOut:
    """Return all of them, the oldest first."""
    return SourcesOut(items=await service.list_sources(session, actor))


@router.post(
    "/sources",
    operation_id="createIntakeSource",
    summary="Create a way in",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(*_WRITTEN),
)
async def create_source(
    request: Request,
    session: SessionDep,
    actor: AdministratorDep,
    settings: SettingsDep,
    response: Response,
    body: SourceIn,
) -> SourceOut:
    """Have a directory watched, a mailbox looked into, or letters to an address taken."""
    source = await service.create_source(
        session, actor, body, settings=settings, sealer=_sealer(request)
    )
    response.headers["ETag"] = service.etag(source)
    response.headers["Location"] = f"/api/v1/intake/sources/{source.id}"
    return (await service.describe(session, actor, [source]))[0]


@router.get(
    "/sources/{source_id}",
    operation_id="getIntakeSource",
    summary="Get a way in",
    responses=problem_responses(SourceNotFoundError),
)
async def get_source(
    session: SessionDep, actor: AdministratorDep, source_id: int, response: Response
) -> SourceOut:
    """Return one, with how it fares."""
    source = await service.get_source(session, source_id)
    response.headers["ETag"] = service.etag(source)
    return (await service.describe(session, actor, [source]))[0]


@router.patch(
    "/sources/{source_id}",
    operation_id="updateIntakeSource",
    summary="Change a way in",
    responses=problem_responses(SourceNotFoundError, StaleError, *_WRITTEN),
)
async def update_source(
    request: Request,
    session: SessionDep,
    actor: AdministratorDep,
    settings: SettingsDep,
    source_id: int,
    response: Response,
    body: SourceUpdate,
    if_match: IfMatch = None,
) -> SourceOut:
    """Change what is given. Another server or user needs the password again."""
    source = await service.update_source(
        session,
        actor,
        source_id,
        body,
        if_match=if_match,
        settings=settings,
        sealer=_sealer(request),
    )
    response.headers["ETag"] = service.etag(source)
    return (await service.describe(session, actor, [source]))[0]


@router.delete(
    "/sources/{source_id}",
    operation_id="deleteIntakeSource",
    summary="Delete a way in",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(SourceNotFoundError),
)
async def delete_source(session: SessionDep, actor: AdministratorDep, source_id: int) -> None:
    """Delete it with its journal; the documents it brought stay."""
    await service.delete_source(session, actor, source_id)


@router.post(
    "/sources/{source_id}/check",
    operation_id="checkIntakeSource",
    summary="Try whether a way in works",
    responses=problem_responses(SourceNotFoundError),
)
async def check_source(
    request: Request, units: UnitsDep, settings: SettingsDep, source_id: int
) -> SourceCheckOut:
    """Connect, or look at the directory, and say what there is to know. Nothing is filed."""
    async with units.begin() as (session, actor):
        require_administrator(actor)
        source = await service.get_source(session, source_id)
        objection = await service.why_not(session, source)
    return await service.check(
        source, objection=objection, settings=settings, sealer=_sealer(request)
    )


@router.post(
    "/sources/{source_id}/run",
    operation_id="runIntakeSource",
    summary="Look at a way in now",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(SourceNotFoundError, SourcePausedError, NotOfThisKindError),
)
async def run_source(session: SessionDep, actor: AdministratorDep, source_id: int) -> None:
    """Have it looked at without waiting for its time."""
    await service.request_run(session, actor, source_id)


@router.get(
    "/items",
    operation_id="listIntakeItems",
    summary="List what came in",
    responses=problem_responses(InvalidCursorError),
)
async def list_items(
    session: SessionDep,
    actor: AdministratorDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    source_id: Annotated[int | None, Query(description="By which way.")] = None,
    state: Annotated[ItemState | None, Query(description="What became of it.")] = None,
    document_id: Annotated[int | None, Query(description="Which document it became.")] = None,
) -> Page[ItemOut]:
    """Return the journal, newest first."""
    items, next_cursor = await service.list_items(
        session,
        actor,
        source_id=source_id,
        state=state,
        document_id=document_id,
        cursor=cursor,
        limit=limit,
    )
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/items/{item_id}/retry",
    operation_id="retryIntakeItem",
    summary="Try again to file something",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(
        ItemNotFoundError, ItemFiledError, NotOfThisKindError, SourcePausedError
    ),
)
async def retry_item(session: SessionDep, actor: AdministratorDep, item_id: int) -> None:
    """Have what was refused, or failed, fetched and tried again now."""
    await service.request_retry(session, actor, item_id)


@router.get("/rules", operation_id="getIntakeRules", summary="Get the rules of the ways in")
async def get_rules(session: SessionDep, actor: AdministratorDep, response: Response) -> RulesOut:
    """Return them in their order."""
    rules = await service.get_rules(session, actor)
    response.headers["ETag"] = service.rules_etag(rules.revision)
    return rules


@router.put(
    "/rules",
    operation_id="putIntakeRules",
    summary="Replace the rules of the ways in",
    responses=problem_responses(StaleError, RuleInvalidError),
)
async def put_rules(
    session: SessionDep,
    actor: AdministratorDep,
    response: Response,
    body: RulesIn,
    if_match: RulesIfMatch,
) -> RulesOut:
    """Replace all of them; what was filed before stays where it is."""
    rules = await service.put_rules(session, actor, body, if_match=if_match)
    response.headers["ETag"] = service.rules_etag(rules.revision)
    return rules


@router.post(
    "/rules/try",
    operation_id="tryIntakeRules",
    summary="Try rules on something that might come in",
    responses=problem_responses(SourceNotFoundError),
)
async def try_rules(session: SessionDep, actor: AdministratorDep, body: TrialIn) -> TrialOut:
    """Say what the rules given, or those there are, would make of it; nothing is done."""
    return await service.try_rules(session, actor, body)


@of_documents.get(
    "/documents/{document_id}/origin",
    operation_id="getDocumentOrigin",
    summary="Get how a document came in",
    responses=problem_responses(NotFoundError),
)
async def get_origin(session: SessionDep, actor: ActorDep, document_id: int) -> OriginOut:
    """Return by which way a document came in: a watched directory, a mailbox, a letter, an import."""
    return await service.get_origin(session, actor, document_id)


def _sealer(request: Request) -> Sealer:
    sealer: Sealer = request.app.state.sealer
    return sealer
