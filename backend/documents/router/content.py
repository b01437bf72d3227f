"""Content out: by range and under conditions, to a signed-in caller or to the bearer of a ticket."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from backend.content.errors import ContentDamagedError, StorageUnavailableError
from backend.content.service import Content, Outgoing
from backend.core.clock import now
from backend.core.errors import NotFoundError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, DatabaseDep, SessionDep, UnitsDep, bind_actor
from backend.documents.delivery import ByteRange, content_headers, matches_none, parse_range
from backend.documents.errors import (
    QuarantinedError,
    RangeNotSatisfiableError,
    VersionNotFoundError,
)
from backend.documents.router.uploads import ContentDep
from backend.documents.schemas import ContentTicket, ContentTicketIn, Disposition
from backend.documents.service import reading
from backend.documents.service.reading import ContentRef
from backend.identity import service as identity
from backend.identity.errors import InvalidTicketError
from backend.identity.models import store_namespace
from backend.identity.tokens import AccessClaims, TokenSigner

router = APIRouter(tags=["documents"])

_PURPOSE = "content"
_TICKET_SECONDS = 300


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The content."},
    206: {"content": {"application/octet-stream": {}}, "description": "The range asked for."},
    304: {"description": "It is what the caller has."},
    **problem_responses(
        NotFoundError,
        VersionNotFoundError,
        QuarantinedError,
        RangeNotSatisfiableError,
        InvalidTicketError,
        ContentDamagedError,
        StorageUnavailableError,
    ),
}


@router.post(
    "/documents/{document_id}/content-ticket",
    operation_id="createContentTicket",
    summary="Get a link that the browser itself can open",
    responses=problem_responses(NotFoundError, VersionNotFoundError, QuarantinedError),
)
async def create_content_ticket(
    request: Request, session: SessionDep, actor: ActorDep, document_id: int, body: ContentTicketIn
) -> ContentTicket:
    """Return a link to one version that needs no header, for five minutes."""
    await reading.get_content(session, actor, document_id, version=body.version)
    ticket = _signer(request).ticket(
        _PURPOSE,
        {
            "user": actor.user_id,
            "org": actor.org_id,
            "session": actor.session_id,
            "document": document_id,
            "version": body.version,
            "disposition": body.disposition,
        },
        ttl=_TICKET_SECONDS,
    )
    return ContentTicket(
        url=f"/api/v1/documents/{document_id}/content?ticket={ticket}",
        expires_at=now() + timedelta(seconds=_TICKET_SECONDS),
    )


@router.head(
    "/documents/{document_id}/content",
    operation_id="headContent",
    summary="Ask what a download would send",
    response_class=Response,
    responses=_ANSWERS,
)
@router.get(
    "/documents/{document_id}/content",
    operation_id="getContent",
    summary="Download a document",
    response_class=StreamingResponse,
    responses=_ANSWERS,
)
async def get_content(
    request: Request,
    units: UnitsDep,
    database: DatabaseDep,
    content: ContentDep,
    document_id: int,
    version: Annotated[
        int | None, Query(description="A version's number; the current one if left out.")
    ] = None,
    disposition: Disposition = Disposition.ATTACHMENT,
    ticket: Annotated[str | None, Query(description="In place of other credentials.")] = None,
    range_header: Annotated[str | None, Header(alias="Range")] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Send the content, or the range of it that is asked for."""
    in_parts = range_header is not None

    def is_read(ref: ContentRef) -> bool:
        return request.method == "GET" and matches_none(if_none_match, _etag(ref))

    if ticket is None:
        async with units.begin() as (session, actor):
            ref = await reading.get_content(session, actor, document_id, version=version)
            if is_read(ref):
                await reading.record_reading(session, actor, ref, disposition, in_parts=in_parts)
    else:
        granted = _signer(request).open_ticket(_PURPOSE, ticket)
        if granted["document"] != document_id:
            raise InvalidTicketError("The ticket is for another document.")
        disposition = Disposition(granted["disposition"])
        claims = AccessClaims(granted["user"], granted["org"], granted["session"])
        async with database.transaction() as session:
            actor = bind_actor(request.state, await identity.act_as(session, claims))
            ref = await reading.get_content(session, actor, document_id, version=granted["version"])
            if is_read(ref):
                await reading.record_reading(session, actor, ref, disposition, in_parts=in_parts)
    etag = _etag(ref)
    headers = content_headers(
        name=ref.name, media_type=ref.media_type, etag=etag, disposition=disposition
    )
    if not matches_none(if_none_match, etag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    part = parse_range(range_header, ref.size) if if_range in {None, etag} else None
    return await _answer(
        content,
        ref,
        store_namespace(actor.org_id),
        part,
        headers,
        bodiless=request.method == "HEAD",
    )


async def _answer(
    content: Content,
    ref: ContentRef,
    namespace: str,
    part: ByteRange | None,
    headers: dict[str, str],
    *,
    bodiless: bool,
) -> Response:
    whole = part is None
    part = part or ByteRange(0, ref.size)
    headers["Content-Length"] = str(part.length)
    if not whole:
        headers["Content-Range"] = f"bytes {part.offset}-{part.offset + part.length - 1}/{ref.size}"
    code = status.HTTP_200_OK if whole else status.HTTP_206_PARTIAL_CONTENT
    if bodiless:
        return Response(status_code=code, headers=headers)
    async with AsyncExitStack() as opening:
        # Opened before the headers leave: what cannot be opened is still a clean error.
        outgoing = await opening.enter_async_context(content.open(namespace, ref.digest))
        chunks = _send(outgoing, part, opening.pop_all())
        return StreamingResponse(chunks, status_code=code, headers=headers)


async def _send(
    outgoing: Outgoing, part: ByteRange, opened: AsyncExitStack
) -> AsyncIterator[bytes]:
    """Yield the part and close the blob, however the transfer ends."""
    async with opened:
        async for chunk in outgoing.chunks(part.offset, part.length, check_digest=False):
            yield chunk


def _etag(ref: ContentRef) -> str:
    return f'"{ref.digest.hex()}"'


def _signer(request: Request) -> TokenSigner:
    signer: TokenSigner = request.app.state.signer
    return signer
