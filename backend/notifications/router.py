"""The WebSocket. Browsers cannot send a header with it, so a short-lived ticket stands in for the access token."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, WebSocket
from pydantic import BaseModel, ConfigDict

from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.db import Database
from backend.core.errors import ForbiddenError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, Resume
from backend.notifications.service import TICKET_PURPOSE, TICKET_SECONDS, Hub, Subscription, Tickets

router = APIRouter(tags=["live"])

_HEARS = "dms:folder:List"
_UNAUTHENTICATED = 4401
_TRY_AGAIN = 1013
_SESSION_ENDED = "The session has ended."


class SocketTicket(BaseModel):
    """What opens the WebSocket, within its few seconds."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"ticket": "eyJhbGciOi…", "expires_in": 30}}
    )

    ticket: str
    expires_in: int


@router.post(
    "/ws/ticket",
    operation_id="createSocketTicket",
    summary="Get a ticket for the WebSocket",
    responses=problem_responses(UnauthenticatedError, ForbiddenError),
)
async def create_socket_ticket(request: Request, actor: ActorDep) -> SocketTicket:
    """Return a ticket for `GET /ws?ticket=`."""
    if not actor.in_scope(_HEARS):
        raise ForbiddenError("The API key is not meant for following what happens.", action=_HEARS)
    tickets: Tickets = request.app.state.signer
    if actor.session_id is None:
        raise ForbiddenError("Live updates are for those who are signed in with a session.")
    data = {"user": actor.user_id, "org": actor.org_id, "session": actor.session_id}
    ticket = tickets.ticket(TICKET_PURPOSE, data, ttl=TICKET_SECONDS)
    return SocketTicket(ticket=ticket, expires_in=TICKET_SECONDS)


@router.websocket("/ws")
async def socket(websocket: WebSocket, ticket: Annotated[str, Query()]) -> None:
    """Send `{event, data, at}` for what happens to what the user may see; nothing is read."""
    tickets: Tickets = websocket.app.state.signer
    hub: Hub = websocket.app.state.hub
    await websocket.accept()
    try:
        bearer = tickets.open_ticket(TICKET_PURPOSE, ticket)
    except UnauthenticatedError:
        await websocket.close(_UNAUTHENTICATED, "The ticket is invalid or has expired.")
        return
    with hub.subscribed(bearer["org"], bearer["user"], bearer["session"]) as subscription:
        # Asked once the end of the session would be heard of: none falls between.
        if not await _stands(websocket, bearer):
            await websocket.close(_UNAUTHENTICATED, _SESSION_ENDED)
            return
        await websocket.send_text(
            json.dumps({"event": "hello", "data": {}, "at": now().isoformat()})
        )
        sender = asyncio.create_task(_send(websocket, subscription))
        try:
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            sender.cancel()


async def _stands(websocket: WebSocket, bearer: dict[str, Any]) -> bool:
    """Tell whether the session a ticket was made for still stands."""
    database: Database = websocket.app.state.database
    resume: Resume = websocket.app.state.resume
    # Role and name are read anew.
    known = Actor(bearer["user"], bearer["org"], Role.MEMBER, "", bearer["session"])
    try:
        async with database.transaction() as session:
            actor = await resume(session, known)
    except UnauthenticatedError:
        return False
    return not actor.is_auditor


async def _send(websocket: WebSocket, subscription: Subscription) -> None:
    while (text := await subscription.get()) is not None:
        await websocket.send_text(text)
    if subscription.session_ended:
        await websocket.close(_UNAUTHENTICATED, _SESSION_ENDED)
        return
    await websocket.close(_TRY_AGAIN, "Some messages were missed; connect again and read again.")
