"""What the commands that go through what is stored have in common."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from backend.content.service import Content, Released
from backend.core.pace import Pace
from backend.core.settings import Settings
from storage import StoreUnavailableError


@contextmanager
def opened_store(settings: Settings, *, released: Released | None = None) -> Iterator[Content]:
    """Open the store of the settings for a while.

    `released` tells what malware was let in nevertheless, for commands that store what is scanned.

    Raises:
        StoreUnavailableError: it cannot be opened, or the settings of it are wrong.
    """
    try:
        content = Content.open_store(settings, released=released)
    except ValueError as error:
        raise StoreUnavailableError(str(error)) from error
    try:
        yield content
    finally:
        content.close()


@contextmanager
def stopping(pace: Pace) -> Iterator[None]:
    """Let Ctrl-C, or a request to terminate, end what keeps this pace where it can go on later."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, pace.stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
