"""Live updates are heard of once the backend listens."""

import asyncio

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from backend.notifications.service import CHANNEL


@pytest.fixture(autouse=True)
async def listening(app: FastAPI) -> None:
    """Wait until it does: a test before this one may have held the event loop up while it connected."""
    redis: Redis = app.state.redis
    async with asyncio.timeout(30):
        while not (await redis.pubsub_numsub(CHANNEL))[0][1]:  # noqa: ASYNC110  # another connection's state
            await asyncio.sleep(0.05)
