"""What an organisation takes in: administrators say so."""

from fastapi import APIRouter

from backend.core.errors import ForbiddenError
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, SessionDep
from backend.documents.schemas import UploadLimitsIn, UploadLimitsOut
from backend.documents.service import limits

router = APIRouter(
    prefix="/storage/limits", tags=["storage"], responses=problem_responses(ForbiddenError)
)


@router.get(
    "", operation_id="getUploadLimits", summary="Get what the organisation takes in, and has"
)
async def get_upload_limits(session: SessionDep, actor: AdministratorDep) -> UploadLimitsOut:
    """Return quota, largest file and types, and how many bytes there are."""
    return await limits.get_limits(session, actor)


@router.put("", operation_id="setUploadLimits", summary="Set what the organisation takes in")
async def set_upload_limits(
    session: SessionDep, actor: AdministratorDep, body: UploadLimitsIn
) -> UploadLimitsOut:
    """Set all of it; what is stored already stays."""
    await limits.set_limits(session, actor, body)
    return await limits.get_limits(session, actor)
