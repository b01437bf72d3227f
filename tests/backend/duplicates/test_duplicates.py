"""What resembles a document: told of what one may read, and of nothing else."""

from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.db import Database, Tenant
from backend.duplicates import service as duplicates
from backend.search import service as search
from tests.support.api import Api
from tests.support.prose import Prose
from worker.tasks.duplicates import compare_some

numbers = count()


async def write(database: Database, api: Api, document: dict[str, Any], words: str) -> None:
    """Take in a text as extraction does."""
    async with database.transaction(Tenant(api.org_id)) as session:
        await search.index_text(
            session,
            org_id=api.org_id,
            version_id=document["current_version"]["id"],
            text=words,
            language="en",
            engine="test",
        )


async def compare(database: Database, api: Api) -> int:
    """Compare all that is due, and return how much that was."""
    compared = 0
    while (some := await compare_some(database, api.org_id)) is not None:
        compared += some
    return compared


async def letter(database: Database, api: Api, folder: int, words: str) -> dict[str, Any]:
    """Upload a document of bytes of its own, with a text."""
    number = next(numbers)
    document = await api.document(folder, f"letter {number}.txt", f"{number}".encode())
    await write(database, api, document, words)
    return document


async def similar(api: Api, document: dict[str, Any]) -> dict[int, float]:
    found = (await api.get(f"/documents/{document['id']}/related")).json()["similar_text"]
    return {one["document"]["id"]: one["similarity"] for one in found}


async def groups(api: Api, **params: Any) -> list[set[int]]:
    """Return the groups of all pages, as sets of documents."""
    found: list[set[int]] = []
    cursor: str | None = None
    while True:
        page = {**params, **({"cursor": cursor} if cursor else {})}
        answer = (await api.get("/duplicates", params=page)).json()
        for group in answer["items"]:
            assert group["total"] == len(group["documents"])
            found.append({one["id"] for one in group["documents"]})
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


@pytest.fixture
def prose() -> Prose:
    return Prose(4)


async def test_edited_copies_are_found_and_others_are_not(
    admin: Api, database: Database, prose: Prose
) -> None:
    cabinet = await admin.folder("Cabinet")
    original = prose.text(400)
    first = await letter(database, admin, cabinet, original)
    edited = await letter(database, admin, cabinet, prose.edited(original, 6))
    equal = await letter(database, admin, cabinet, original.upper())
    rewritten = await letter(database, admin, cabinet, prose.edited(original, 150))
    unrelated = await letter(database, admin, cabinet, prose.text(400))
    assert await compare(database, admin) == 5
    found = await similar(admin, first)
    assert list(found) == [equal["id"], edited["id"]]
    assert found[equal["id"]] == 1
    assert duplicates.NEARLY < found[edited["id"]] < 1
    assert await similar(admin, edited) == {
        first["id"]: found[edited["id"]],
        equal["id"]: found[edited["id"]],
    }
    assert await similar(admin, rewritten) == await similar(admin, unrelated) == {}
    assert await groups(admin) == [{first["id"], edited["id"], equal["id"]}]
    assert await compare(database, admin) == 0


async def test_a_text_that_was_written_again_is_compared_again(
    admin: Api, database: Database, prose: Prose
) -> None:
    cabinet = await admin.folder("Cabinet")
    original = prose.text(100)
    one = await letter(database, admin, cabinet, original)
    other = await letter(database, admin, cabinet, original)
    await compare(database, admin)
    await write(database, admin, other, original)
    assert await compare(database, admin) == 0, "the text is what it was"
    await write(database, admin, other, prose.text(100))
    assert await compare(database, admin) == 1
    assert await similar(admin, one) == {}
    assert await groups(admin) == []
    await write(database, admin, other, original)
    await compare(database, admin)
    assert await similar(admin, one) == {other["id"]: 1}


async def test_a_new_version_resembles_nothing_before_its_text_is_read(
    admin: Api, database: Database, prose: Prose
) -> None:
    cabinet = await admin.folder("Cabinet")
    original = prose.text(100)
    one = await letter(database, admin, cabinet, original)
    other = await letter(database, admin, cabinet, original)
    await compare(database, admin)
    answer = await admin.post(f"/documents/{other['id']}/versions", content=b"another")
    assert answer.status_code == 201
    assert await similar(admin, one) == await similar(admin, other) == {}
    assert await groups(admin) == []
    await write(database, admin, answer.json(), original)
    await compare(database, admin)
    assert await similar(admin, one) == {other["id"]: 1}


async def test_the_text_of_an_earlier_version_is_passed_over(
    admin: Api, database: Database, prose: Prose
) -> None:
    cabinet = await admin.folder("Cabinet")
    document = await admin.document(cabinet, "a.txt", b"one")
    await admin.post(f"/documents/{document['id']}/versions", content=b"two")
    await write(database, admin, document, prose.text(100))
    assert await compare(database, admin) == 0


async def test_what_is_in_the_trash_is_not_told_of_and_what_is_purged_leaves_nothing(
    admin: Api, database: Database, prose: Prose
) -> None:
    cabinet = await admin.folder("Cabinet")
    original = prose.text(100)
    one = await letter(database, admin, cabinet, original)
    other = await letter(database, admin, cabinet, original)
    await compare(database, admin)
    await admin.delete(f"/documents/{other['id']}")
    assert await similar(admin, one) == {}
    assert await groups(admin) == []
    await admin.post(f"/documents/{other['id']}/restore")
    assert await groups(admin) == [{one["id"], other["id"]}]
    await admin.delete(f"/documents/{other['id']}")
    assert (await admin.delete(f"/trash/documents/{other['id']}")).status_code == 204
    async with database.transaction(Tenant(admin.org_id)) as session:
        left = "SELECT count(*) FROM text_bands WHERE document_id = :id"
        assert await session.scalar(text(left), {"id": other["id"]}) == 0
        assert await session.scalar(text("SELECT count(*) FROM near_pairs")) == 0


async def test_nobody_hears_of_what_they_may_not_read(
    admin: Api, member: Api, stranger: Api, database: Database, prose: Prose
) -> None:
    shared, hidden = await admin.folder("Shared"), await admin.folder("Hidden")
    await admin.share(shared, member, "reader")
    original = prose.text(300)
    seen = await letter(database, admin, shared, original)
    unseen = await letter(database, admin, hidden, original)
    elsewhere = await stranger.folder("Elsewhere")
    theirs = await letter(database, stranger, elsewhere, original)
    for api in (admin, stranger):
        await compare(database, api)
    assert await similar(member, seen) == {}
    assert await groups(member) == await groups(stranger) == []
    assert (await member.get(f"/documents/{unseen['id']}/related")).status_code == 404
    assert await similar(stranger, theirs) == {}
    assert await similar(admin, seen) == {unseen["id"]: 1}


async def test_documents_that_only_an_unreadable_one_connects_are_no_group(
    admin: Api, member: Api, database: Database
) -> None:
    shared, hidden = await admin.folder("Shared"), await admin.folder("Hidden")
    await admin.share(shared, member, "reader")
    words = [f"w{n}" for n in range(400)]
    middle = " ".join(words)
    # Each differs from the middle in 50 words of its own, and so from the other in twice as many.
    first = await letter(
        database, admin, shared, " ".join([*(f"a{n}" for n in range(50)), *words[50:]])
    )
    last = await letter(
        database, admin, shared, " ".join([*words[:-50], *(f"z{n}" for n in range(50))])
    )
    between = await letter(database, admin, hidden, middle)
    await compare(database, admin)
    assert set(await similar(admin, between)) == {first["id"], last["id"]}
    assert await similar(admin, first) == {between["id"]: pytest.approx(0.77, abs=0.02)}
    assert await groups(admin) == [{first["id"], last["id"], between["id"]}]
    assert await groups(member) == []


async def test_groups_come_page_by_page(admin: Api, database: Database, prose: Prose) -> None:
    cabinet = await admin.folder("Cabinet")
    expected = []
    for size in (2, 3, 2, 4):
        original = prose.text(120)
        members = [await letter(database, admin, cabinet, original) for _ in range(size)]
        expected.append({one["id"] for one in members})
    await compare(database, admin)
    assert await groups(admin, limit=1) == await groups(admin) == expected[::-1]
    answer = await admin.get("/duplicates", params={"cursor": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_clusters_become_one_when_a_text_connects_them(
    admin: Api, database: Database
) -> None:
    cabinet = await admin.folder("Cabinet")
    words = [f"w{n}" for n in range(400)]
    first = await letter(
        database, admin, cabinet, " ".join([*(f"a{n}" for n in range(50)), *words[50:]])
    )
    last = await letter(
        database, admin, cabinet, " ".join([*words[:-50], *(f"z{n}" for n in range(50))])
    )
    for document in (first, last):
        copy = (await admin.get(f"/documents/{document['id']}/text")).json()["text"]
        await letter(database, admin, cabinet, copy)
    await compare(database, admin)
    assert [len(group) for group in await groups(admin)] == [2, 2]
    await letter(database, admin, cabinet, " ".join(words))
    await compare(database, admin)
    assert [len(group) for group in await groups(admin)] == [5]


async def test_two_do_not_compare_the_texts_of_one_organisation_at_once(
    admin: Api, database: Database, prose: Prose
) -> None:
    cabinet = await admin.folder("Cabinet")
    await letter(database, admin, cabinet, prose.text(100))
    async with database.transaction(Tenant(admin.org_id)) as session:
        assert await duplicates.take_due(session, org_id=admin.org_id, limit=1) is not None
        assert await compare_some(database, admin.org_id) is None
