"""What every request passes through: its id, its line in the log, and the headers that keep a browser safe."""

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.logging import bind_request_id
from backend.core.origin import bind_caller

log = structlog.get_logger("http")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self' data:; "
        "style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class RequestMiddleware:
    """Gives every request an id, writes one line when it is answered, and adds the safety headers.

    A response that brings such a header of its own keeps it. Credentials never reach the log: only the path does,
    not the query.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        given = Headers(scope=scope)
        sent = given.get("x-request-id", "")
        request_id = bind_request_id(sent if _REQUEST_ID.fullmatch(sent) else None)
        # What uvicorn takes from a proxy it was told to trust; a Unix socket has none.
        client = scope.get("client")
        bind_caller(client[0] if client else None, given.get("user-agent"))
        started = time.perf_counter()
        status = 0

        async def add_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, add_headers)
        finally:
            if scope["path"] not in _QUIET:
                elapsed = round((time.perf_counter() - started) * 1000, 1)
                log.info(
                    "request", method=scope["method"], path=scope["path"], status=status, ms=elapsed
                )
