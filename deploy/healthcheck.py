"""What Docker asks a container (`healthcheck.py http URL`, `healthcheck.py worker QUEUE`): 1 if no answer comes.

It asks the process itself only. What that depends on is `/readyz`'s business: a restart would not mend it.
"""

import os
import sys
import urllib.request

_PATIENCE = 10.0
"""Seconds."""


def _server_answers(url: str) -> bool:
    # A proxy that the environment names is not for this container's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_PATIENCE) as answer:
        return bool(answer.status == 200)


def _worker_answers(queue: str) -> bool:
    # Imported here, for the question to a server is asked often and needs none of it.
    from backend.core.queues import celery_app  # noqa: PLC0415
    from backend.core.settings import get_settings  # noqa: PLC0415

    node = f"{queue}@{os.uname().nodename}"
    inspection = celery_app(get_settings()).control.inspect([node], timeout=_PATIENCE)
    return bool(inspection.ping())


def main(arguments: list[str]) -> int:
    """Ask, and return the exit status."""
    match arguments:
        case ["http", url]:
            healthy = _server_answers(url)
        case ["worker", queue]:
            healthy = _worker_answers(queue)
        case _:
            sys.exit("usage: healthcheck.py http URL | healthcheck.py worker QUEUE")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
