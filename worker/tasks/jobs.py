"""Recording that a job failed, for processes that have no database of their own, or none that answers just then."""

from typing import Any

from worker.app import RETRIES, app
from worker.jobs import RECORD, record
from worker.runtime import Runtime

_PATIENCE: dict[str, Any] = {**RETRIES, "retry_backoff_max": 300, "max_retries": 300}
"""A database may be away for a night: tries some minutes apart, for twelve hours on average."""


@app.task(name=RECORD, time_limit=60, **_PATIENCE)
def record_failure(
    *, task: str, queue: str, arguments: dict[str, Any], failure: str, reason: str, tries: int
) -> None:
    """Put a job on record that was ended because it took too long, or failed while the database was away."""
    Runtime.current().run(
        record(
            task=task,
            queue=queue,
            arguments=arguments,
            failure=failure,
            reason=reason,
            tries=tries,
        )
    )
