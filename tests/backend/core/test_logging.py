"""What the log may not hold."""

import logging

import pytest

from backend.core.logging import configure_logging
from backend.core.settings import Settings


def test_the_ticket_of_a_websocket_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(Settings())
    try:
        logging.getLogger("uvicorn.error").info(
            '%s - "WebSocket %s" [accepted]', "127.0.0.1:1", "/api/v1/ws?ticket=secret"
        )
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    logged = capfd.readouterr().err
    assert '127.0.0.1:1 - "WebSocket /api/v1/ws" [accepted]' in logged
    assert "secret" not in logged
