"""`dms relay`."""

import asyncio
import contextlib

import structlog

from backend import relay as relaying
from backend.core.logging import configure_logging
from backend.core.settings import get_settings


def relay() -> None:
    """Move events from the outbox to the queues and the live updates, until stopped."""
    settings = get_settings()
    configure_logging(settings)
    structlog.get_logger(__name__).info("relay_starts")  # `dms up` waits for this line
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(relaying.run(settings))
