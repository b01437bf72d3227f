"""What Prometheus reads: counts and durations of requests, and what the service knows of its store."""

import time

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("dms_http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "dms_http_request_duration_seconds",
    "From the request's head to the end of its answer.",
    ["method", "route"],
)
STORE_FAULTS = Gauge(
    "dms_store_faults", "Blobs with an open fault, in all organisations.", ["fault"]
)
QUARANTINED = Gauge(
    "dms_quarantined", "Content in quarantine that waits for a decision, in all organisations."
)
FAILED_JOBS = Gauge(
    "dms_failed_jobs", "Jobs that failed for good, in all organisations.", ["failure"]
)
JOBS_WAITING = Gauge("dms_jobs_waiting", "Jobs that wait in a queue.", ["queue"])
JOBS_RUNNING = Gauge("dms_jobs_running", "Jobs that a worker is at.", ["queue"])
JOBS_OLDEST = Gauge(
    "dms_jobs_oldest_seconds", "For how long the oldest job of a queue has waited.", ["queue"]
)
IN_PROGRESS = Gauge("dms_http_requests_in_progress", "Requests being served.")


class MetricsMiddleware:
    """Counts every request under its route's template, so that ids make no new series."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def count(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, count)
        finally:
            IN_PROGRESS.dec()
            route = _template(scope)
            REQUESTS.labels(scope["method"], route, str(status)).inc()
            DURATION.labels(scope["method"], route).observe(time.perf_counter() - started)


def _template(scope: Scope) -> str:
    """Return the path with the names of its parameters in place of their values."""
    if "route" not in scope:
        return "other"
    names = {str(value): name for name, value in reversed(scope["path_params"].items())}
    parts = [f"{{{names[part]}}}" if part in names else part for part in scope["path"].split("/")]
    return "/".join(parts)
