"""Errors become `application/problem+json` (RFC 9457) here and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from backend.core.actor import Actor
from backend.core.errors import DomainError
from backend.core.web import bound_actor

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_DATABASE_RETRY_AFTER = 5
_DENIALS = frozenset({403, 404})


@dataclass(frozen=True, slots=True)
class Denial:
    """A request by a known actor that was not allowed or found nothing: its operation, and what its path named."""

    actor: Actor
    operation: str
    path: Mapping[str, Any]
    error: DomainError


OnDenied = Callable[[Denial], None]
"""Told of denials, in no time: the answer waits for it."""


class Problem(BaseModel):
    """A problem document; domains add members of their own."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not found",
                "status": 404,
                "code": "not_found",
                "detail": "There is no document 7, or you may not see it.",
            }
        },
    )

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


def problem_responses(*errors: type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of an operation that may raise these errors."""
    described: dict[int | str, list[str]] = {}
    for error in errors:
        described.setdefault(error.status, []).append(f"`{error.code}`: {error.title}.")
    return {
        status: {"model": Problem, "description": " ".join(lines), "content": {MEDIA_TYPE: {}}}
        for status, lines in described.items()
    }


def _response(
    status: int,
    code: str,
    title: str,
    detail: str,
    data: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    media_type: str = MEDIA_TYPE,
) -> Response:
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        **data,
    }
    return JSONResponse(body, status_code=status, headers=dict(headers), media_type=media_type)


async def _domain_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)  # noqa: S101  # the signature Starlette asks for is wider
    return _response(
        error.status,
        error.code,
        error.title,
        error.detail,
        error.data,
        error.headers,
        media_type=error.media_type,
    )


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    places = [{"loc": list(item["loc"]), "msg": item["msg"]} for item in error.errors()]
    detail = "; ".join(
        f"{'.'.join(map(str, place['loc'][1:]))}: {place['msg']}" for place in places
    )
    return _response(
        422, "invalid_request", "The request is not valid", detail, {"errors": places}, {}
    )


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return _response(
        error.status_code, code, str(error.detail), str(error.detail), {}, error.headers or {}
    )


async def _database_error(_: Request, error: Exception) -> Response:
    """Answer 422 for a value no column takes, 503 where the database is away, 500 where our statement is wrong."""
    if _value_is_impossible(error):
        detail = "A value is outside what can be stored, such as a number of more than 64 bits."
        return _response(422, "invalid_value", "Invalid value", detail, {}, {})
    if not _database_is_away(error):
        raise error
    log.warning("database_unavailable", error=type(error).__name__)
    return _response(
        503,
        "database_unavailable",
        "Temporarily unavailable",
        "The database does not answer. Nothing was changed; try again in a few seconds.",
        {},
        {"Retry-After": str(_DATABASE_RETRY_AFTER)},
    )


def _value_is_impossible(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    cause = getattr(error.orig, "__cause__", None)
    # Class 22: data exceptions; asyncpg refuses some values before it sends them.
    state = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(cause, asyncpg.DataError) or state.startswith("22")


def _database_is_away(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        # Class 08: connection exceptions; 57P: shut down, crashed or starting; 53300: too many connections.
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return lost or state.startswith(("08", "57P")) or state == "53300"
    return isinstance(error, OSError | PoolTimeoutError | TimeoutError)


async def _unexpected_error(_: Request, error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    return _response(
        500,
        "internal_error",
        "Something went wrong",
        "The request failed; the log holds the reason.",
        {},
        {},
    )


def add_problem_handlers(app: FastAPI, on_denied: OnDenied) -> None:
    """Teach the application to answer every error as a problem document."""

    async def domain_error(request: Request, error: Exception) -> Response:
        if isinstance(error, DomainError) and error.status in _DENIALS:
            actor = bound_actor(request)
            if actor is not None:
                operation = getattr(request.scope.get("route"), "operation_id", None)
                on_denied(Denial(actor, operation or request.method, request.path_params, error))
        return await _domain_error(request, error)

    app.add_exception_handler(DomainError, domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    for away in (DBAPIError, PoolTimeoutError, TimeoutError, ConnectionError):
        app.add_exception_handler(away, _database_error)
    app.add_exception_handler(Exception, _unexpected_error)
