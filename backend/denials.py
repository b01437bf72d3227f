"""Denied attempts, for the audit trail: which errors are denials, of what, and whether there was anything to deny."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit.service import Attempt, Attempts
from backend.core.actor import Actor
from backend.core.db import Database
from backend.core.errors import ForbiddenError, NotFoundError
from backend.core.problems import Denial, OnDenied
from backend.documents import service as documents
from backend.folders import service as folders

log = structlog.get_logger(__name__)

DENIED = "access.denied"
_EVERY_SECONDS = 1.0
_KINDS = {"document_id": "document", "folder_id": "folder", "user_id": "user"}
_AWAY = (DBAPIError, PoolTimeoutError, OSError)


def note_denials(attempts: Attempts) -> OnDenied:
    """Return what takes note of requests that were denied."""

    def note(denial: Denial) -> None:
        found = _denied_object(denial.path)
        if denial.error.status == ForbiddenError.status:
            attempts.note(_attempt(denial, found or "organisation:self", hidden=False))
        # What an error of its own says is missing is no resource that was hidden: a version of a document, a user.
        elif type(denial.error) is NotFoundError and found is not None:
            attempts.note(_attempt(denial, found, hidden=True))

    return note


def _attempt(denial: Denial, found: str, *, hidden: bool) -> Attempt:
    return Attempt(
        DENIED,
        found,
        denial.actor.org_id,
        denial.actor.user_id,
        hidden_from=denial.actor if hidden else None,
        data=(("operation", denial.operation), ("status", denial.error.status)),
    )


def _denied_object(path: Mapping[str, Any]) -> str | None:
    """Return the resource a path names, `document:7`."""
    for name, kind in _KINDS.items():
        if name in path:
            return f"{kind}:{int(path[name])}"
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
