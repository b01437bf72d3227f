"""Many connections of the service share few of PostgreSQL's."""

import asyncio

from tests.deploy.conftest import Production
from tests.support.api import Api

POOL = 20


async def test_many_requests_share_few_connections(
    production: Production, librarian: Api, cabinet: int
) -> None:
    clients = servers = 0
    for _ in range(20):
        answers = await asyncio.gather(
            *(librarian.get(f"/folders/{cabinet}") for _ in range(60)),
            *(librarian.document(cabinet, f"{_}-{n}.txt", b"x" * n) for n in range(1, 5)),
        )
        assert {answer.status_code for answer in answers[:60]} == {200}
        pool = await asyncio.to_thread(production.pgbouncer.pool)
        clients = max(clients, pool["cl_active"] + pool["cl_waiting"])
        servers = max(servers, sum(value for name, value in pool.items() if name.startswith("sv_")))
        if clients > POOL:
            break
    assert servers <= POOL < clients


async def test_the_application_is_neither_owner_nor_superuser(librarian: Api, cabinet: int) -> None:
    """Sign-in, a write and a search work under row-level security with pooled connections."""
    document = await librarian.document(cabinet, "quarterly figures.txt", b"words inside")
    found = (await librarian.get("/search", params={"q": "quarterly"})).json()
    assert [item["document"]["id"] for item in found["items"]] == [document["id"]]
