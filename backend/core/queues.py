"""The Celery queues, as both ends name them: the relay that sends tasks and the workers that run them."""

from enum import IntEnum, StrEnum
from urllib.parse import parse_qs, urlsplit

from celery import Celery

from backend.core.settings import Settings


class Queue(StrEnum):
    """Where a task waits."""

    FAST = "fast"
    """Input, output and small computations; many at a time."""
    HEAVY = "heavy"
    """What fills a core: OCR, rendering, transcoding; one per core."""


class Urgency(IntEnum):
    """Which of the tasks of a queue goes first: the smaller number, as the broker counts."""

    USUAL = 0
    PATIENT = 6
    """Takes long, and nobody sits waiting for it: whatever comes later may go first."""


def broker_url(settings: Settings) -> str:
    """Return the broker's address as Celery writes it: a Unix socket has another scheme there."""
    url = str(settings.redis_url)
    if not url.startswith("unix:"):
        return url
    parts = urlsplit(url)
    database = parse_qs(parts.query).get("db", ["0"])[0]
    credentials, _, _ = parts.netloc.rpartition("@")
    prefix = f"{credentials}@" if credentials else ""
    return f"redis+socket://{prefix}{parts.path}?virtual_host={database}"


def celery_app(settings: Settings) -> Celery:
    """Return a Celery application with the settings both ends share."""
    app = Celery("dms", broker=broker_url(settings), set_as_current=False)
    app.conf.update(
        task_default_queue=Queue.FAST,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_create_missing_queues=True,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            # Longer than the longest task: a task taken twice is harmless but wasteful.
            "visibility_timeout": 3 * 3600,
            # What a killed worker held comes back in seconds, not at the next hourly sweep.
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
        },
    )
    return app
