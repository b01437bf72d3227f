"""Denied attempts, for the audit trail: which errors are denials, of what, and whether there was anything to deny."""

import asyncio

import structlog
from fastapi import Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Attempt, Attempts
from backend.core.actor import Actor
from backend.core.db import Database
from backend.core.errors import DomainError, ForbiddenError, NotFoundError
from backend.core.problems import OnDenied
from backend.core.web import bound_actor
from backend.documents import service as documents
from backend.folders import service as folders

log = structlog.get_logger(__name__)

DENIED = "access.denied"
_EVERY_SECONDS = 1.0
_KINDS = {"document_id": "document", "folder_id": "folder", "user_id": "user"}
_AWAY = (DBAPIError, PoolTimeoutError, OSError)


def note_denials(attempts: Attempts) -> OnDenied:
    """Return what takes note of requests that were denied."""

    def note(request: Request, error: DomainError) -> None:
        actor = bound_actor(request)
        if actor is None:
            return
        found = _denied_object(request)
        if error.status == ForbiddenError.status:
            attempts.note(
                _attempt(request, actor, found or "organisation:self", error, hidden=False)
            )
        # What an error of its own says is missing is no resource that was hidden: a version of a document, a user.
        elif type(error) is NotFoundError and found is not None:
            attempts.note(_attempt(request, actor, found, error, hidden=True))

    return note


def _attempt(
    request: Request, actor: Actor, found: str, error: DomainError, *, hidden: bool
) -> Attempt:
    operation = getattr(request.scope.get("route"), "operation_id", None) or request.method
    return Attempt(
        DENIED,
        found,
        actor.org_id,
        actor.user_id,
        hidden_from=actor if hidden else None,
        data=(("operation", operation), ("status", error.status)),
    )


def _denied_object(request: Request) -> str | None:
    """Return the resource a path names, `document:7`."""
    for name, kind in _KINDS.items():
        if name in request.path_params:
            return f"{kind}:{int(request.path_params[name])}"
    return None


async def is_hidden(session: AsyncSession, actor: Actor, found: str) -> bool:
    """Tell whether an object is there and the actor may not know of it."""
    kind, _, number = found.partition(":")
    if kind == "document":
        return await documents.is_hidden(session, actor, int(number))
    return kind == "folder" and await folders.is_hidden(session, actor, int(number))


async def write_attempts(attempts: Attempts, database: Database) -> None:
    """Record what is noted, until cancelled; then the rest."""
    try:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await _write(attempts, database, everything=False)
    finally:
        await _write(attempts, database, everything=True)


async def _write(attempts: Attempts, database: Database, *, everything: bool) -> None:
    try:
        await attempts.write(database, is_hidden, everything=everything)
    except _AWAY as error:
        log.warning("attempts_not_recorded", error=type(error).__name__)
