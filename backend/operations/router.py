"""Health, readiness and metrics for machines; what an application should know of the service for people."""

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from backend.core.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, AdministratorDep, DatabaseDep, SessionDep, SettingsDep
from backend.jobs.errors import JobSettledError
from backend.operations import jobs, service
from backend.operations.schemas import (
    FailedJobOut,
    FailedState,
    Health,
    JobsOverview,
    Limits,
    Readiness,
    ReadyStatus,
    ScanInfo,
    SystemInfo,
)

probes = APIRouter(tags=["operations"])
router = APIRouter(tags=["operations"])

VERSION = version("dms-enterprise")


@probes.get("/healthz", operation_id="getHealth", summary="Tell that the process answers")
async def get_health() -> Health:
    """Answer without asking anything else."""
    return Health()


@probes.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Tell whether every dependency answers",
    responses={503: {"model": Readiness, "description": "Something indispensable is away."}},
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Name every dependency and how it is doing."""
    state = request.app.state
    readiness = await service.readiness(
        database=state.database, redis=state.redis, content=state.content
    )
    if readiness.status is ReadyStatus.UNAVAILABLE:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return readiness


@probes.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Metrics in the Prometheus text format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def get_metrics(request: Request, database: DatabaseDep) -> Response:
    """Return the metrics of the process that answers."""
    await service.measure(database, request.app.state.redis)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/system",
    operation_id="getSystem",
    summary="Get what the service is and takes",
    responses=problem_responses(UnauthenticatedError),
)
async def get_system(request: Request, _: ActorDep, settings: SettingsDep) -> SystemInfo:
    """Return the version, whether uploads are scanned, and the limits."""
    scanner = request.app.state.content.scanner
    state, detail = await scanner.status()
    return SystemInfo(
        version=VERSION,
        scan=ScanInfo(mode=settings.scan, state=state, detail=detail),
        limits=Limits(max_upload_size=settings.max_upload_size),
    )


@router.get(
    "/jobs",
    operation_id="getJobs",
    summary="Get what is being done in the background",
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
async def get_jobs(request: Request, session: SessionDep, actor: AdministratorDep) -> JobsOverview:
    """Return what waits and runs in each queue, how long it has waited, and how much there is left to do."""
    return await jobs.overview(session, actor, request.app.state.redis)


@router.get(
    "/jobs/failed",
    operation_id="listFailedJobs",
    summary="List jobs that failed",
    responses=problem_responses(UnauthenticatedError, ForbiddenError, InvalidCursorError),
)
async def list_failed_jobs(
    session: SessionDep,
    actor: AdministratorDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[FailedState, Query(description="Which.")] = FailedState.WAITING,
) -> Page[FailedJobOut]:
    """Return the organisation's jobs and the installation's that were tried as often as they may be, newest first."""
    items, next_cursor = await jobs.list_failed(
        session, actor, state=state, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/jobs/failed/{job_id}/run",
    operation_id="runFailedJob",
    summary="Run a failed job again",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(
        UnauthenticatedError, ForbiddenError, NotFoundError, JobSettledError
    ),
)
async def run_failed_job(session: SessionDep, actor: AdministratorDep, job_id: int) -> FailedJobOut:
    """Put it into its queue again."""
    return await jobs.run_again(session, actor, job_id)


@router.post(
    "/jobs/failed/{job_id}/dismiss",
    operation_id="dismissFailedJob",
    summary="Decide that a failed job need not be done",
    responses=problem_responses(
        UnauthenticatedError, ForbiddenError, NotFoundError, JobSettledError
    ),
)
async def dismiss_failed_job(
    session: SessionDep, actor: AdministratorDep, job_id: int
) -> FailedJobOut:
    """Take it off the list of those that wait for a decision."""
    return await jobs.dismiss(session, actor, job_id)
