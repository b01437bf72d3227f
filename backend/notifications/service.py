"""Telling people at once: messages travel over Redis to every backend, and from there to the sockets of their readers.

Nothing depends on a message arriving: whoever missed some reads again. Who may hear of what is decided before a
message is published (`backend.relay`), not here.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CHANNEL = "dms:messages"
TICKET_PURPOSE = "ws"
SESSION_ENDED = "session.ended"
"""Closes the sockets of sessions; `data` has `session_ids`. It is told to nobody: whoever is meant is gone."""
TICKET_SECONDS = 30
_BACKLOG = 500
_RETRY_SECONDS = 2.0


class Tickets(Protocol):
    """Signs and opens tickets; `identity` provides it."""

    def ticket(self, purpose: str, data: dict[str, Any], *, ttl: int) -> str:
        """Return a ticket good for `ttl` seconds."""

    def open_ticket(self, purpose: str, ticket: str) -> dict[str, Any]:
        """Return the data of a ticket."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that happened, for the users who may know of it. `at` is RFC 3339, UTC."""

    org_id: int
    user_ids: Sequence[int]
    event: str
    data: dict[str, Any]
    at: str

    @property
    def text(self) -> str:
        """What is sent to the browser."""
        return json.dumps({"event": self.event, "data": self.data, "at": self.at})


class Subscription:
    """One socket's backlog. A reader too slow to keep up is cut off, and reads again when it comes back."""

    def __init__(self, session_id: str | None = None) -> None:
        self.session_id = session_id
        self.session_ended = False
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(_BACKLOG)
        self._cut = False

    def put(self, text: str) -> None:
        """Queue a message, or cut the reader off."""
        if self._cut:
            return
        if self._queue.full():
            self.cut()
        else:
            self._queue.put_nowait(text)

    def cut(self) -> None:
        """End the subscription; what was queued is dropped."""
        self._cut = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    def end(self) -> None:
        """End the subscription because its session has ended."""
        self.session_ended = True
        self.cut()

    async def get(self) -> str | None:
        """Return the next message; None when the subscription has ended."""
        return await self._queue.get()


class Hub:
    """The sockets connected to this process, by organisation and user: a user may have several."""

    def __init__(self) -> None:
        self._subscriptions: defaultdict[tuple[int, int], set[Subscription]] = defaultdict(set)

    @contextlib.contextmanager
    def subscribed(
        self, org_id: int, user_id: int, session_id: str | None = None
    ) -> Iterator[Subscription]:
        """Receive a user's messages while the block runs and, where one is named, the session lasts."""
        subscription = Subscription(session_id)
        key = (org_id, user_id)
        self._subscriptions[key].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[key].discard(subscription)
            if not self._subscriptions[key]:
                del self._subscriptions[key]

    def deliver(self, message: Message) -> None:
        """Hand a message to the sockets of its readers, or close those whose session it says has ended."""
        for user_id in message.user_ids:
            for subscription in self._subscriptions.get((message.org_id, user_id), ()):
                if message.event != SESSION_ENDED:
                    subscription.put(message.text)
                elif subscription.session_id in message.data["session_ids"]:
                    subscription.end()

    def cut_all(self) -> None:
        """End every subscription: messages were missed, and their readers must know."""
        for subscriptions in list(self._subscriptions.values()):
            for subscription in list(subscriptions):
                subscription.cut()

    async def listen(self, redis: Redis) -> None:
        """Deliver what other processes publish, until cancelled; survives Redis going away."""
        while True:
            try:
                async with redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    async for item in pubsub.listen():
                        if item["type"] == "message":
                            self.deliver(Message(**json.loads(item["data"])))
            except (RedisError, OSError) as error:
                log.warning("live_updates_interrupted", error=type(error).__name__)
                self.cut_all()
                await asyncio.sleep(_RETRY_SECONDS)


async def publish(redis: Redis, messages: Iterable[Message]) -> None:
    """Send messages to every backend, in their order.

    Raises:
        RedisError: Redis is away; the caller tries again later.
    """
    async with redis.pipeline(transaction=False) as pipe:
        for message in messages:
            pipe.publish(CHANNEL, json.dumps(asdict(message)))
        await pipe.execute()
