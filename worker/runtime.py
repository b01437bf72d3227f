"""What a worker process holds open: an event loop, the database, the store.

Services are coroutines, written once; a task runs them here, under the same transaction edge as a request.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, ClassVar, TypeVar

from redis import Redis

from backend.content.keys import open_keyring
from backend.content.service import Content
from backend.core.db import Database
from backend.core.settings import Settings
from backend.identity.sealing import Sealer
from backend.identity.tokens import TokenSigner
from backend.scanning.service import is_released
from storage import Keyring, StoreError

T = TypeVar("T")


class Runtime:
    """The resources of one worker process."""

    _current: ClassVar["Runtime | None"] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database.connect(settings)
        self.content = Content.open_store(
            settings, self.keyring, released=partial(is_released, self.database)
        )
        self._runner = asyncio.Runner()
        self._closed = threading.Event()
        threading.Thread(target=follow, args=(self.keyring, self._closed), daemon=True).start()

    @classmethod
    def open(cls, settings: Settings) -> "Runtime":
        """Open the process's runtime; to be called after the fork."""
        cls._current = cls(settings)
        return cls._current

    @classmethod
    def is_open(cls) -> bool:
        """Tell whether the process is a worker's child, where tasks run, and not their parent."""
        return cls._current is not None

    @classmethod
    def current(cls) -> "Runtime":
        """Return the process's runtime.

        Raises:
            RuntimeError: the process is not a worker's.
        """
        if cls._current is None:
            raise RuntimeError("no runtime was opened in this process")
        return cls._current

    @cached_property
    def keyring(self) -> Keyring:
        """The keys of what is stored."""
        return open_keyring(self.settings)

    @cached_property
    def signer(self) -> TokenSigner:
        """What makes the secrets of links. Made when first needed: few workers ever do."""
        return TokenSigner(self.settings.master_key())

    @cached_property
    def sealer(self) -> Sealer:
        """What opens the passwords of mailboxes."""
        return Sealer(self.keyring)

    @cached_property
    def redis(self) -> Redis:
        """Redis, for what is told while a task runs."""
        return Redis.from_url(
            str(self.settings.redis_url), socket_timeout=5, socket_connect_timeout=5
        )

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on the process's loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Let go of everything."""
        self._closed.set()
        self._runner.run(self.database.close())
        self._runner.close()
        self.content.close()
        Runtime._current = None


def follow(keyring: Keyring, closed: threading.Event, *, every: float = 1.0) -> None:
    """Look at the keyring each so many seconds until closed, as `follow_keyring` does.

    In a thread: between tasks, which may be days, the loop stands still.
    """
    while not closed.wait(every):
        with suppress(StoreError):
            keyring.check()
