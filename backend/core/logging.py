"""Structured logs that carry the id of the request, from the first middleware through to the tasks it caused."""

import logging
import secrets
import sys
from contextvars import ContextVar

import structlog

from backend.core.settings import LogFormat, Settings

# Never with the values of local variables: they hold passwords and keys.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

# One line per request and per task comes from our own code, with the request id.
_CHATTY = ("uvicorn.access", "celery.worker.strategy", "celery.app.trace", "celery.beat", "httpx")


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query off the addresses that uvicorn logs of WebSockets: it holds the ticket that opens one."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            part.partition("?")[0] if isinstance(part, str) else part for part in record.args
        )
    return True


_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """Return the id of the request being served, or that caused the task being run."""
    return _request_id.get()


def bind_request_id(request_id: str | None) -> str:
    """Make `request_id`, or a new one, the current one, and return it."""
    bound = request_id or secrets.token_hex(8)
    _request_id.set(bound)
    structlog.contextvars.bind_contextvars(request_id=bound)
    return bound


def configure_logging(settings: Settings) -> None:
    """Send structlog and the standard library's loggers through one formatter to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: list[structlog.typing.Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer()]
        if settings.log_format is LogFormat.JSON
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.error").addFilter(_without_query)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
