"""The Celery application: which tasks there are, and when the scheduler starts some by itself."""

import os
import signal
import threading
from typing import Any

import structlog
from celery.signals import (
    setup_logging,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.content.keys import open_keyring
from backend.core.encryption_key import EncryptionKeyError
from backend.core.logging import bind_request_id, configure_logging
from backend.core.queues import Queue, celery_app
from backend.core.settings import get_settings
from storage import StoreError, prepare_process
from worker.broker import Renewal, use_renewal
from worker.extraction import configure, shut_down
from worker.previews import sweep
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

RETRIES: dict[str, Any] = {
    "autoretry_for": (DBAPIError, PoolTimeoutError, OSError),
    "retry_backoff": 2,
    "retry_backoff_max": 60,
    "max_retries": 5,
}
"""Options of tasks that are tried again when what they depend on does not answer."""

# A temporary file that no process holds open belongs to one that died.
_ABANDONED_SECONDS = 0

app = celery_app(get_settings(), task_class="worker.jobs:Job")
use_renewal()
app.steps["consumer"].add(Renewal)
app.conf.update(
    imports=[
        "worker.tasks.duplicates",
        "worker.tasks.indexing",
        "worker.tasks.intake",
        "worker.tasks.jobs",
        "worker.tasks.mail",
        "worker.tasks.maintenance",
        "worker.tasks.previews",
    ],
    timezone="UTC",
    beat_schedule={
        "requeue-lost": {
            "task": "maintenance.requeue_lost",
            "schedule": 20.0,
            "options": {"expires": 20},
        },
        "cleanup-expired-trash": {"task": "maintenance.cleanup_expired_trash", "schedule": 3600.0},
        "count-usage": {
            "task": "maintenance.count_usage",
            "schedule": 300.0,
            "options": {"expires": 300},
        },
        "expire-uploads": {"task": "maintenance.expire_uploads", "schedule": 3600.0},
        "prune-outbox": {"task": "maintenance.prune_outbox", "schedule": 3600.0},
        "checkpoint-trail": {
            "task": "maintenance.checkpoint_trail",
            "schedule": 300.0,
            "options": {"expires": 300},
        },
        "compare-texts": {
            "task": "duplicates.compare",
            "schedule": 30.0,
            "options": {"expires": 30},
        },
        "call-sources": {
            "task": "intake.call_due",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "tend-search": {
            "task": "maintenance.tend_search",
            "schedule": 300.0,
            "options": {"expires": 300},
        },
        # On the fast queue: behind a thousand pages of OCR what was never scanned would stay so.
        "rescan": {"task": "maintenance.rescan", "schedule": 60.0, "options": {"expires": 60}},
        "scrub-store": {
            "task": "maintenance.scrub_store",
            "schedule": 60.0,
            "options": {"expires": 60},
        },
    },
    worker_hijack_root_logger=False,
    # A model and its pictures stay in memory: a child that has grown is replaced between two tasks.
    worker_max_memory_per_child=3_000_000,  # KiB
    task_routes={
        "indexing.ocr": {"queue": Queue.HEAVY},
        "previews.prepare": {"queue": Queue.HEAVY},
        "previews.read_words": {"queue": Queue.HEAVY},
        "maintenance.scrub_store": {"queue": Queue.HEAVY},
    },
)


@setup_logging.connect
def _log(**_: Any) -> None:
    configure_logging(get_settings())


@worker_init.connect
def _refuse_a_wrong_key(**_: Any) -> None:
    """Look at the key before there are children: they would start again and again."""
    try:
        open_keyring(get_settings())
    except EncryptionKeyError as error:
        log.critical("worker_refused", reason=str(error))
        raise SystemExit(1) from None


@worker_process_init.connect
def _open(**_: Any) -> None:
    prepare_process()
    settings = get_settings()
    configure(ocr_engine=settings.ocr_engine, ocr_models=settings.ocr_models)
    try:
        runtime = Runtime.open(settings)
    except EncryptionKeyError as error:
        # The key was changed since the worker started. A child without the store would fail every task it took.
        log.critical("worker_refused", reason=str(error))
        os.kill(os.getppid(), signal.SIGTERM)
        raise SystemExit(1) from None
    # Nobody waits for it: a process that is not up within seconds is killed, and a store may be far away.
    threading.Thread(target=_clear_away, args=(runtime,), daemon=True).start()


def _clear_away(runtime: Runtime) -> None:
    """Remove what a process that was killed has left, which may be this one's predecessor."""
    sweep()
    try:
        runtime.content.store.sweep_temporary(_ABANDONED_SECONDS)
    except StoreError as error:
        log.warning("store_not_swept", error=str(error))


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    Runtime.current().close()
    shut_down()


@task_prerun.connect
def _bind(task: Any, **_: Any) -> None:
    bind_request_id(
        (task.request.headers or {}).get("request_id") or task.request.get("request_id")
    )
