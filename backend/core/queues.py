"""The Celery queues, as both ends name them: the relay that sends tasks and the workers that run them."""

from enum import IntEnum, StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.signals import before_task_publish

from backend.core.clock import now
from backend.core.settings import Settings

QUEUED_AT = "queued_at"
"""The header of a message that says since when it waits (RFC 3339, UTC)."""
HAS_FAILED = "has_failed"
"""The header of a message that says that the job is on record as failed."""
OWED = "owed"
"""The header of a message with the id of the event that is done when the task has ended."""
RUNNING = "dms:jobs:running"
"""The hash in Redis of what the workers are at: the id of a message to a JSON object."""
DONE = "dms:jobs:done"
"""Begins the names of counters in Redis: `<this>:<queue>:<minute since the epoch>`."""
UNACKED = "unacked"
"""The hash in which kombu keeps what workers were handed and have not acknowledged."""
BEGUN = "dms:queues"
"""The key in Redis that is there as long as the queues are, and says since when (RFC 3339, UTC).

What was queued before then was lost with the queues that were there before.
"""


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


@before_task_publish.connect
def _note_time(headers: dict[str, Any], **_: Any) -> None:
    headers.setdefault(QUEUED_AT, now().isoformat())


def celery_app(settings: Settings, *, task_class: str | None = None) -> Celery:
    """Return a Celery application with the settings both ends share; `task_class` is what the workers' tasks are."""
    app = Celery("dms", broker=broker_url(settings), set_as_current=False, task_cls=task_class)
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
            # Workers renew what they hold (worker/broker.py); what a killed one held comes back after this.
            "visibility_timeout": settings.worker_silence_seconds,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
        },
    )
    return app
