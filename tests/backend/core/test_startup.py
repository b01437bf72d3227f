"""What the server is told when the application does not start."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from backend.core.encryption_key import EncryptionKeyError
from backend.core.startup import RefusalMiddleware


def application(failure: Exception | None) -> RefusalMiddleware:
    """An application that fails to start, or does not."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if failure is not None:
            raise failure
        yield

    return RefusalMiddleware(Starlette(lifespan=lifespan))


async def start(app: RefusalMiddleware) -> list[Message]:
    """Start and stop it by the lifespan protocol; what it told."""
    told: list[Message] = []
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Message:
        return next(asked)

    async def send(message: Message) -> None:
        told.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return told


async def test_a_refusal_is_its_reason_alone() -> None:
    told = await start(application(EncryptionKeyError("It is another key.")))
    assert told == [{"type": "lifespan.startup.failed", "message": "It is another key."}]


async def test_a_mistake_is_told_with_its_traceback() -> None:
    told: list[Message] = []
    app = application(ZeroDivisionError("a mistake"))

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        told.append(message)

    with pytest.raises(ZeroDivisionError):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    [failed] = told
    assert failed["type"] == "lifespan.startup.failed"
    assert "Traceback" in failed["message"]


async def test_a_start_that_succeeds_is_passed_on() -> None:
    assert [message["type"] for message in await start(application(None))] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
