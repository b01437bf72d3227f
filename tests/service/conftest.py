"""A service for the tests that kill parts of it, with all it works with: scanner, mail server, watched directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clamd import Clamd
from tests.support.mail import MailServer, mail_server
from tests.support.service import Service, running_service

SILENCE = 6
"""Seconds a worker may be silent: as few as tell a dead worker from a slow one here."""


@pytest.fixture(scope="session")
def letters() -> Iterator[MailServer]:
    """The mail server that `killed_service` sends by."""
    with mail_server() as started:
        yield started


@pytest.fixture(scope="session")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where directories lie that `killed_service` may watch."""
    return tmp_path_factory.mktemp("incoming")


@pytest.fixture(scope="session")
def killed_service(
    tmp_path_factory: pytest.TempPathFactory, scanner: Clamd, letters: MailServer, incoming: Path
) -> Iterator[Service]:
    """A service of their own for those that kill it."""
    with running_service(
        tmp_path_factory.mktemp("killed"),
        DMS_CLAMD_SOCKET=str(scanner.socket),
        DMS_SCAN="required",
        DMS_RESCAN_RATE="1000000",
        DMS_SMTP_URL=f"smtp+plain://127.0.0.1:{letters.port}",
        DMS_MAIL_FROM="DMS <dms@example.org>",
        DMS_PUBLIC_URL="https://dms.test",
        DMS_INTAKE_DIRS=str(incoming),
        DMS_WORKER_SILENCE_SECONDS=str(SILENCE),
    ) as started:
        yield started
