"""Many connections of the service share few of PostgreSQL's."""

import asyncio

from tests.deploy.conftest import Production
from tests.support.api import Api

POOL = 20


async def test_many_requests_share_few_connections(
    production: Production, librarian: Api, cabinet: int
) -> None:
    clients = servers = 0

    async def change_and_read(number: int) -> int:
        await librarian.document(cabinet, f"{number}.txt", b"x")
        return (await librarian.get(f"/folders/{cabinet}")).status_code

    load = asyncio.gather(*(change_and_read(number) for number in range(80)))
    while not load.done():
        pool = await asyncio.to_thread(production.pgbouncer.pool)
        clients = max(clients, pool["cl_active"] + pool["cl_waiting"])
        servers = max(servers, sum(value for name, value in pool.items() if name.startswith("sv_")))
    assert set(await load) == {200}
    assert servers <= POOL < clients


async def test_row_level_security_holds_on_shared_connections(librarian: Api, cabinet: int) -> None:
    document = await librarian.document(cabinet, "quarterly figures.txt", b"words inside")
    found = (await librarian.get("/search", params={"q": "quarterly"})).json()
    assert [item["document"]["id"] for item in found["items"]] == [document["id"]]
