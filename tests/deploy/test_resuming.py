"""Resumable uploads with two backends: any of them goes on with what another began, and nginx sends to the same one."""

import asyncio
import base64
import hashlib
import os

from httpx import AsyncClient, Response

from tests.deploy.conftest import Production
from tests.support.api import Api

MIB = 2**20
CONTENT = os.urandom(23 * MIB + 17)
TUS = {"Tus-Resumable": "1.0.0"}


async def begin(api: Api, folder: int, name: str) -> str:
    pairs = {"filename": name, "folder_id": str(folder)}
    metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())
    headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": metadata}
    answer = await api.post("/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


async def send(client: AsyncClient, api: Api, path: str, offset: int, size: int) -> Response:
    return await client.patch(
        path,
        content=CONTENT[offset : offset + size],
        headers={
            **api.headers,
            **TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        },
        timeout=120,
    )


def patches(production: Production, path: str) -> list[int]:
    """Return how many requests for an upload each backend has answered."""
    lines = [
        backend.program.output.splitlines() for backend in production.backends if backend.program
    ]
    return [sum(path in line and "PATCH" in line for line in each) for each in lines]


async def test_two_backends_take_turns(
    production: Production, librarian: Api, cabinet: int
) -> None:
    path = await begin(librarian, cabinet, "turns.bin")
    offset, turn = 0, 0
    size = 3 * MIB + 1
    async with AsyncClient() as direct:
        while offset < len(CONTENT):
            backend = production.backends[turn % 2]
            answer = await send(direct, librarian, backend.url + path, offset, size)
            assert answer.status_code in {200, 204}, answer.text
            offset, turn = offset + size, turn + 1
    assert answer.status_code == 200
    assert answer.json()["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert answer.json()["current_version"]["scan_status"] == "clean"
    assert min(patches(production, path)) >= 3


async def test_the_pieces_of_an_upload_go_to_one_backend(
    production: Production, librarian: Api, cabinet: int
) -> None:
    for number in range(3):
        path = await begin(librarian, cabinet, f"{number}.bin")
        for offset in range(0, len(CONTENT), 5 * MIB):
            answer = await send(librarian.client, librarian, path, offset, 5 * MIB)
        assert answer.status_code == 200, answer.text
        counts = patches(production, path)
        assert sorted(counts) == [0, 5]
        assert len(production.nginx.spooled()) == 1


async def test_the_other_backend_takes_over_from_one_that_died(
    production: Production, librarian: Api, cabinet: int
) -> None:
    path = await begin(librarian, cabinet, "died.bin")
    answer = await send(librarian.client, librarian, path, 0, 9 * MIB)
    assert answer.status_code == 204
    [has_it] = [n for n, count in enumerate(patches(production, path)) if count]
    await asyncio.to_thread(production.backends[has_it].kill)
    try:
        head = await librarian.client.head(path, headers={**librarian.headers, **TUS})
        assert head.headers["upload-offset"] == str(9 * MIB)
        answer = await send(librarian.client, librarian, path, 9 * MIB, len(CONTENT))
    finally:
        await asyncio.to_thread(production.backends[has_it].start)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == hashlib.sha256(CONTENT).hexdigest()
