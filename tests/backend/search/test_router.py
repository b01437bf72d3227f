"""Search over HTTP: parameters, problems, shapes. What is found is tested below HTTP."""

from typing import Any

import pytest
from httpx import AsyncClient

from backend.core.actor import Role
from backend.core.db import Database, Tenant
from backend.search import service
from tests.support.api import Api, new_user


@pytest.fixture
async def user(client: AsyncClient, database: Database, organisation: int) -> Api:
    return await new_user(client, database, organisation, Role.ADMINISTRATOR)


@pytest.fixture
async def document(user: Api, database: Database) -> dict[str, Any]:
    """An uploaded document whose text has been read."""
    made = await user.document(await user.folder("Legal"), "Lease_2024.txt", b"anything")
    async with database.transaction(Tenant(user.org_id)) as session:
        await service.index_text(
            session,
            org_id=user.org_id,
            version_id=made["current_version"]["id"],
            text="The lease of the house ends soon.",
            language="en",
            engine="test",
            page_count=1,
        )
    return made


async def test_search(user: Api, document: dict[str, Any]) -> None:
    answer = await user.get("/search", params={"q": "house -draft", "type": "text", "limit": 5})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    [item] = found.pop("items")
    assert item["document"]["id"] == document["id"]
    assert item["snippet"] == "The lease of the \u0002house\u0003 ends soon"
    assert (item["matched"], item["score"] > 1) == ("text", True)
    assert found == {
        "total": 1,
        "total_is_estimate": False,
        "facets": {"type": [{"value": "text", "count": 1}], "tag": []},
        "facets_are_estimates": False,
        "next_cursor": None,
    }


async def test_a_name_is_found_before_its_text_is_read(user: Api) -> None:
    made = await user.document(await user.folder("New"), "Unread_Invoice.pdf")
    answer = await user.get("/search", params={"q": "invoice"})
    assert [item["document"]["id"] for item in answer.json()["items"]] == [made["id"]]


async def test_an_error_in_the_query_says_where(user: Api) -> None:
    answer = await user.get("/search", params={"q": "lease type:word"})
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["position"], problem["length"]) == ("invalid_query", 6, 9)


@pytest.mark.parametrize(
    "params",
    [
        {"type": "word"},
        {"folder_id": 2**63},
        {"created_after": "yesterday"},
        {"created_after": "2024-01-01T00:00:00"},
        {"q": "x" * 1_001},
        {"limit": 0},
        {"cursor": "nonsense"},
    ],
)
async def test_parameters_that_make_no_sense(user: Api, params: dict[str, str | int]) -> None:
    assert (await user.get("/search", params=params)).status_code == 422


async def test_nul_is_a_blank(user: Api, document: dict[str, Any]) -> None:
    """PostgreSQL's text cannot hold it."""
    answer = await user.get("/search", params={"q": "house\x00ends", "tag": "\x00"})
    assert (answer.status_code, answer.json()["total"]) == (200, 0)
    answer = await user.get("/search", params={"q": "house\x00ends"})
    assert answer.json()["total"] == 1
    assert (await user.get("/search/suggest", params={"q": "lea\x00"})).status_code == 200


async def test_suggest(user: Api, document: dict[str, Any]) -> None:
    answer = await user.get("/search/suggest", params={"q": "leas"})
    assert answer.status_code == 200, answer.text
    [item] = answer.json()["items"]
    assert item["document_id"] == document["id"]
    assert [step["name"] for step in item["ancestors"]] == ["Legal"]


async def test_text(user: Api, document: dict[str, Any]) -> None:
    answer = await user.get(f"/documents/{document['id']}/text")
    assert answer.json() == {
        "text": "The lease of the house ends soon.",
        "page_count": 1,
        "language": "en",
        "engine": "test",
        "truncated": False,
        "version": 1,
        "layer": 0,
        "etag": '"1.0"',
        "pages": [],
    }
    other = await user.document(await user.folder("Other"), "b.txt")
    answer = await user.get(f"/documents/{other['id']}/text")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_text")
    assert (await user.get("/documents/999999/text")).status_code == 404


async def test_nobody_searches_without_signing_in(client: AsyncClient) -> None:
    for path in ("/search", "/search/suggest?q=a", "/documents/1/text"):
        assert (await client.get(f"/api/v1{path}")).status_code == 401
