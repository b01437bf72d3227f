"""WebSockets through nginx, and events that come from another backend than the socket's."""

import asyncio
import json
import ssl
from typing import Any

import pytest
from httpx import AsyncClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.deploy.conftest import Production
from tests.support.api import Api


async def receive(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(30):
        message: dict[str, Any] = json.loads(await connection.recv())
        return message


async def test_an_event_of_any_backend_arrives(
    production: Production, librarian: Api, cabinet: int
) -> None:
    ticket = (await librarian.post("/ws/ticket")).json()["ticket"]
    context = ssl.create_default_context(cafile=production.nginx.certificate)
    url = f"wss://127.0.0.1:{production.nginx.https_port}/api/v1/ws?ticket={ticket}"
    async with connect(url, ssl=context, proxy=None) as connection:
        assert (await receive(connection))["event"] == "hello"
        # The socket is at one of them: the other one's event has come a long way.
        for number, backend in enumerate(production.backends):
            async with AsyncClient(base_url=backend.url, headers=librarian.headers) as direct:
                uploaded = await direct.post(
                    f"/api/v1/folders/{cabinet}/documents",
                    params={"name": f"{number}.txt"},
                    content=f"text {number}".encode(),
                )
            assert uploaded.status_code == 201
            while True:
                message = await receive(connection)
                if message["event"] == "document.created":
                    break
            assert message["data"]["document_id"] == uploaded.json()["id"]


async def test_no_other_protocol_is_switched_to(production: Production) -> None:
    context = ssl.create_default_context(cafile=production.nginx.certificate)
    url = f"wss://127.0.0.1:{production.nginx.https_port}/api/v1/me"
    with pytest.raises(InvalidStatus):
        await connect(url, ssl=context, proxy=None)
