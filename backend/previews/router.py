"""HTTP of previews: pages as pictures, revalidated at each use, so that who may no longer read sees no longer."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from fastapi.responses import JSONResponse

from backend.content.errors import ContentDamagedError, StorageUnavailableError
from backend.content.service import Content
from backend.core.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, SessionDep, UnitsDep
from backend.documents.delivery import content_headers, matches_none
from backend.documents.errors import QuarantinedError, VersionNotFoundError
from backend.documents.schemas import Disposition
from backend.identity.models import store_namespace
from backend.previews import service
from backend.previews.errors import NoPreviewError, PageNotFoundError
from backend.previews.models import Size
from backend.previews.schemas import PreviewPagesOut, WaitingOut
from backend.previews.service import Waiting

router = APIRouter(tags=["previews"], responses=problem_responses(UnauthenticatedError))

_WEBP = "image/webp"
_RETRY_SECONDS = 1
_MAX_PAGE = 2**31 - 1
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {_WEBP: {}}, "description": "The page."},
    202: {"model": WaitingOut, "description": "It is being drawn: ask again after Retry-After."},
    304: {"description": "It is what the caller has."},
    **problem_responses(
        NotFoundError,
        VersionNotFoundError,
        NoPreviewError,
        PageNotFoundError,
        ContentDamagedError,
        StorageUnavailableError,
    ),
}
Version = Annotated[
    int | None, Query(ge=1, description="The version's number; without one, the current.")
]


def _content(request: Request) -> Content:
    content: Content = request.app.state.content
    return content


@router.get(
    "/documents/{document_id}/preview",
    operation_id="getPreview",
    summary="Get a page of a document as a picture",
    response_class=Response,
    responses=_ANSWERS,
)
async def get_preview(
    units: UnitsDep,
    content: Annotated[Content, Depends(_content)],
    document_id: int,
    version: Version = None,
    page: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 1,
    size: Size = Size.MEDIUM,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Send a page as WebP, or say that it is being drawn."""
    async with units.begin() as (session, actor):
        shown, found = await service.find_picture(
            session, actor, document_id, version=version, page=page, size=size
        )
        if isinstance(found, Waiting):
            return JSONResponse(
                WaitingOut(status=found.status).model_dump(mode="json"),
                status_code=status.HTTP_202_ACCEPTED,
                headers={"Retry-After": str(_RETRY_SECONDS), "Cache-Control": "no-store"},
            )
        etag = f'"{found.digest.hex()}"'
        is_new = matches_none(if_none_match, etag)
        if is_new and size is not Size.THUMBNAIL:
            await service.record_looking(session, actor, shown)
    headers = content_headers(
        name=found.name, media_type=_WEBP, etag=etag, disposition=Disposition.INLINE
    )
    del headers["Accept-Ranges"]
    if not is_new:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    async with content.open(store_namespace(actor.org_id), found.digest) as outgoing:
        picture = b"".join([chunk async for chunk in outgoing.chunks(check_digest=False)])
    return Response(picture, headers=headers)


@router.get(
    "/documents/{document_id}/preview/pages",
    operation_id="listPreviewPages",
    summary="List the pages of a document",
    responses=problem_responses(
        NotFoundError, VersionNotFoundError, QuarantinedError, NoPreviewError
    ),
)
async def list_preview_pages(
    session: SessionDep, actor: ActorDep, document_id: int, version: Version = None
) -> PreviewPagesOut:
    """Return how many pages a version has, their proportions, and why there are none."""
    return await service.list_pages(session, actor, document_id, version=version)


@router.post(
    "/documents/{document_id}/preview",
    operation_id="remakePreview",
    summary="Have the pages of a document drawn once more",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(
        NotFoundError, VersionNotFoundError, QuarantinedError, ForbiddenError
    ),
)
async def remake_preview(
    session: SessionDep, actor: ActorDep, document_id: int, version: Version = None
) -> PreviewPagesOut:
    """Forget the pictures of a version and have them made anew."""
    return await service.request_preview(session, actor, document_id, version=version)
