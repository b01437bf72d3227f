"""Documents through TLS, nginx, a backend, clamd and PgBouncer: nothing is kept on the way."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from tests.deploy.conftest import Production
from tests.support.api import Api
from tests.support.clamd import EICAR, REPORTED_SIGNATURE
from tests.support.programs import wait_until

MIB = 2**20
CONTENT = os.urandom(60 * MIB)


def received(production: Production) -> list[int]:
    """Return how many bytes each unfinished upload has in the store."""
    return [path.stat().st_size for path in (production.data_dir / "store").glob("*/tmp/*")]


async def wait_until_received(production: Production) -> None:
    """Wait until a backend is writing an upload into the store."""
    await asyncio.to_thread(wait_until, lambda: any(size > MIB for size in received(production)))


async def test_a_large_upload_streams_through(
    production: Production, librarian: Api, cabinet: int
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for offset in range(0, len(CONTENT), MIB):
            if offset == len(CONTENT) // 2:
                # Half of it is sent, and no more until what was sent has arrived: so nobody waits for the whole.
                await wait_until_received(production)
            assert production.nginx.spooled() == [production.nginx.directory / "tmp" / "nginx.pid"]
            yield CONTENT[offset : offset + MIB]

    answer = await librarian.request(
        "POST",
        f"/folders/{cabinet}/documents",
        params={"name": "large.bin"},
        content=body(),
        headers={"Content-Length": str(len(CONTENT))},
        timeout=120,
    )
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert document["current_version"]["scan_status"] == "clean"

    content = f"/documents/{document['id']}/content"
    digest = hashlib.sha256()
    headers = librarian.headers
    async with librarian.client.stream("GET", f"/api/v1{content}", headers=headers) as download:
        assert download.headers["accept-ranges"] == "bytes"
        assert "content-encoding" not in download.headers
        etag = download.headers["etag"]
        async for chunk in download.aiter_bytes():
            digest.update(chunk)
            assert len(production.nginx.spooled()) == 1
    assert digest.digest() == hashlib.sha256(CONTENT).digest()
    assert not etag.startswith("W/")

    for first, last in (
        (0, 0),
        (33 * MIB - 5, 34 * MIB + 5),
        (len(CONTENT) - 10, len(CONTENT) - 1),
    ):
        part = await librarian.get(content, headers={"Range": f"bytes={first}-{last}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
        assert part.content == CONTENT[first : last + 1]
    beyond = await librarian.get(content, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == 416
    unchanged = await librarian.get(content, headers={"If-None-Match": etag})
    assert unchanged.status_code == 304


async def test_a_body_of_unknown_length_streams_too(librarian: Api, cabinet: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"0123456789" * 10_000

    answer = await librarian.post(
        f"/folders/{cabinet}/documents", params={"name": "chunked"}, content=body()
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == 2_000_000


async def test_a_virus_is_refused(librarian: Api, cabinet: int) -> None:
    answer = await librarian.upload(cabinet, "eicar.com", EICAR)
    assert answer.status_code == 400
    assert answer.json()["signature"] == REPORTED_SIGNATURE


async def test_a_change_may_name_the_etag_it_was_given(librarian: Api, cabinet: int) -> None:
    """nginx must not weaken an ETag on the way, as compressing would."""
    document = await librarian.document(cabinet, "a.txt", b"text " * 2_000)
    shown = await librarian.get(f"/documents/{document['id']}", headers={"Accept-Encoding": "gzip"})
    changed = await librarian.patch(
        f"/documents/{document['id']}",
        {"name": "b.txt"},
        headers={"If-Match": shown.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text


async def test_an_interrupted_upload_leaves_nothing(
    production: Production, librarian: Api, cabinet: int
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield CONTENT[: 8 * MIB]
        await wait_until_received(production)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await librarian.post(
            f"/folders/{cabinet}/documents", params={"name": "half"}, content=body()
        )
    await asyncio.to_thread(wait_until, lambda: not received(production))
    listed = await librarian.get(f"/folders/{cabinet}/children")
    assert listed.json()["documents"] == []
