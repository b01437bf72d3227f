"""The Celery application: which tasks there are, and when the scheduler starts some by itself."""

from typing import Any

from celery.signals import setup_logging, task_prerun, worker_process_init, worker_process_shutdown

from backend.core.logging import bind_request_id, configure_logging
from backend.core.queues import Queue, celery_app
from backend.core.settings import get_settings
from storage import prepare_process
from worker.extraction import shut_down
from worker.runtime import Runtime

app = celery_app(get_settings())
app.conf.update(
    imports=["worker.tasks.indexing", "worker.tasks.maintenance"],
    timezone="UTC",
    beat_schedule={
        "requeue-lost": {
            "task": "maintenance.requeue_lost",
            "schedule": 20.0,
            "options": {"expires": 20},
        },
        "cleanup-expired-trash": {"task": "maintenance.cleanup_expired_trash", "schedule": 3600.0},
        "prune-outbox": {"task": "maintenance.prune_outbox", "schedule": 3600.0},
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
        "maintenance.scrub_store": {"queue": Queue.HEAVY},
    },
)


@setup_logging.connect
def _log(**_: Any) -> None:
    configure_logging(get_settings())


@worker_process_init.connect
def _open(**_: Any) -> None:
    prepare_process()
    Runtime.open(get_settings())


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    Runtime.current().close()
    shut_down()


@task_prerun.connect
def _bind(task: Any, **_: Any) -> None:
    bind_request_id(
        (task.request.headers or {}).get("request_id") or task.request.get("request_id")
    )
