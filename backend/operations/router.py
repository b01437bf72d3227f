"""Health, readiness and metrics for machines; what an application should know of the service for people."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from backend.core.errors import UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, DatabaseDep, SettingsDep
from backend.operations import service
from backend.operations.schemas import Health, Limits, Readiness, ReadyStatus, ScanInfo, SystemInfo

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
async def get_metrics(database: DatabaseDep) -> Response:
    """Return the metrics of the process that answers."""
    await service.count_store_faults(database)
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
