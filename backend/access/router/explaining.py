"""Why somebody may or may not, who may, and what a change would do."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.access.errors import (
    GrantNotFoundError,
    NameInvalidError,
    PolicyInvalidError,
    PolicyNotFoundError,
    PrincipalNotFoundError,
)
from backend.access.schemas import (
    CabinetRef,
    EffectiveOut,
    ExplanationOut,
    PrincipalOut,
    ResourceOut,
    SimulationIn,
    SimulationOut,
    WhoCanOut,
)
from backend.access.service import explaining, managing, simulating
from backend.core.errors import ForbiddenError, NotFoundError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, AdministratorDep, SessionDep

router = APIRouter(prefix="/access", tags=["access"])

_ANSWERS = (NotFoundError, ForbiddenError, NameInvalidError)
PrincipalQuery = Annotated[
    str, Query(max_length=40, description="A user or a group.", examples=["user:7", "group:3"])
]
ActionQuery = Annotated[
    str, Query(max_length=100, description="One action.", examples=["dms:document:Read"])
]
ResourceQuery = Annotated[
    str,
    Query(
        max_length=60,
        description=(
            "A folder, a document, `dms:folder:12/*` for a document in the folder of which nothing else is known, or "
            "`*` for the organisation itself."
        ),
        examples=["dms:folder:12", "dms:document:45", "dms:folder:12/*"],
    ),
]
OneResourceQuery = Annotated[
    str,
    Query(
        max_length=60,
        description="A folder or a document.",
        examples=["dms:folder:12", "dms:document:45"],
    ),
]


@router.get(
    "/resource",
    operation_id="getAccessResource",
    summary="Say where something stands, and whether one may manage its access",
    responses=problem_responses(*_ANSWERS),
)
async def get_access_resource(
    session: SessionDep, actor: ActorDep, resource: OneResourceQuery
) -> ResourceOut:
    """Return a folder or document by name, with the folders it stands in. For who may see it, or manage its access."""
    return await explaining.describe_resource(session, actor, resource)


@router.get(
    "/explain",
    operation_id="explainAccess",
    summary="Say whether somebody may do something, and why",
    responses=problem_responses(*_ANSWERS, PrincipalNotFoundError),
)
async def explain_access(
    session: SessionDep,
    actor: ActorDep,
    principal: PrincipalQuery,
    action: ActionQuery,
    resource: ResourceQuery,
) -> ExplanationOut:
    """Return the decision, the rule that made it and all that match. For who may manage the resource, or of oneself."""
    return await explaining.explain(
        session, actor, principal=principal, action=action, resource=resource
    )


@router.get(
    "/who-can",
    operation_id="whoCan",
    summary="List who may do something",
    responses=problem_responses(*_ANSWERS),
)
async def who_can(
    session: SessionDep,
    actor: ActorDep,
    action: ActionQuery,
    resource: ResourceQuery,
    limit: Limit = 50,
) -> WhoCanOut:
    """Return active users by name, each with the rule that says so. For who may manage the resource."""
    return await explaining.who_can(session, actor, action=action, resource=resource, limit=limit)


@router.get(
    "/effective",
    operation_id="getEffectiveAccess",
    summary="List what somebody may do to something",
    responses=problem_responses(*_ANSWERS, PrincipalNotFoundError),
)
async def get_effective_access(
    session: SessionDep, actor: ActorDep, principal: PrincipalQuery, resource: ResourceQuery
) -> EffectiveOut:
    """Return each action with its decision. For who may manage the resource, or of oneself."""
    return await explaining.effective(session, actor, principal=principal, resource=resource)


@router.get(
    "/cabinets",
    operation_id="listAllCabinets",
    summary="List all cabinets by name, to manage their access",
    responses=problem_responses(ForbiddenError, InvalidCursorError),
)
async def list_all_cabinets(
    session: SessionDep, actor: AdministratorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[CabinetRef]:
    """Return cabinets whose access an administrator may manage, and names alone: be they readable or not."""
    items, next_cursor = await managing.list_cabinets(session, actor, cursor=cursor, limit=limit)
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/principals",
    operation_id="findPrincipals",
    summary="Find users and groups to grant something to",
    responses=problem_responses(ForbiddenError),
)
async def find_principals(
    session: SessionDep,
    actor: ActorDep,
    q: Annotated[str, Query(max_length=200, description="In name or e-mail address.")] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> list[PrincipalOut]:
    """Return groups, then active users, by name. For who may manage the access to anything."""
    return await managing.find_principals(session, actor, q, limit=limit)


@router.post(
    "/simulate",
    operation_id="simulateAccess",
    summary="Say what a change would give and take",
    responses=problem_responses(
        *_ANSWERS,
        PolicyInvalidError,
        PolicyNotFoundError,
        GrantNotFoundError,
        PrincipalNotFoundError,
    ),
)
async def simulate_access(
    session: SessionDep, actor: ActorDep, body: SimulationIn
) -> SimulationOut:
    """Return the documents and folders that users would gain and lose; nothing is changed."""
    return await simulating.simulate(session, actor, body)
