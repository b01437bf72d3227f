"""What the routes go by follows the documents: in the transaction of a change, and by the scheduler's runs."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.documents.models import Document
from backend.search import upkeep
from backend.search.models import DocumentSearch, SearchLexeme, SearchStatistics, search_champions
from backend.search.queries import upkeep as queries
from backend.search.queries import wording
from backend.search.routing import Known
from tests.backend.search.conftest import Library, new_organisation
from tests.backend.search.test_routes import gather


async def listed(session: AsyncSession, lexeme: str) -> list[int]:
    champion = search_champions.c
    rows = await session.scalars(
        select(champion.document_id)
        .where(champion.lexeme == lexeme)
        .order_by(champion.weight.desc(), champion.document_id)
    )
    return list(rows)


async def lexeme_of(session: AsyncSession, lexeme: str) -> SearchLexeme | None:
    session.expunge_all()
    return await session.scalar(select(SearchLexeme).where(SearchLexeme.lexeme == lexeme))


async def change(session: AsyncSession, document: int, **values: Any) -> None:
    await session.execute(update(Document).where(Document.id == document).values(**values))


async def test_a_document_enters_and_leaves_in_the_transaction_of_the_change(
    library: Library,
) -> None:
    session = library.session
    cabinet, other = await library.cabinet(), await library.cabinet()
    old = await library.document(cabinet, "old.pdf", "hesk")
    await gather(library)
    assert await listed(session, "hesk") == [old]
    new = await library.document(cabinet, "new.pdf", "hesk hesk pear")
    assert await listed(session, "hesk") == [new, old]
    assert await listed(session, "pear") == []
    await change(session, new, deleted_at=now())
    assert await listed(session, "hesk") == [old]
    await change(session, new, deleted_at=None)
    assert await listed(session, "hesk") == [new, old]
    await change(session, new, folder_id=other)
    assert await listed(session, "hesk") == [new, old]
    await change(session, old, name="hesk.pdf")
    assert await listed(session, "hesk") == [old, new]
    version = await session.scalar(select(Document.current_version_id).where(Document.id == new))
    assert version is not None
    await library.index(version, "pear")
    assert await listed(session, "hesk") == [old]
    await change(session, old, current_version_id=None)
    await session.execute(delete(Document).where(Document.id == old))
    assert await listed(session, "hesk") == []


async def test_only_what_weighs_more_than_the_threshold_enters(library: Library) -> None:
    cabinet = await library.cabinet()
    for n in (2, 3, 4):
        await library.document(cabinet, f"{n}.pdf", "hesk " * n + "x " * (9 - n))
    await gather(library, size=2)
    before = await listed(library.session, "hesk")
    light = await library.document(cabinet, "1.pdf", "hesk " + "x " * 8)
    heavy = await library.document(cabinet, "9.pdf", "hesk " * 9)
    assert len(before) == 2
    assert await listed(library.session, "hesk") == [heavy, *before]
    assert light not in before


async def test_weights_are_the_ranks_of_a_search_for_one_word(library: Library) -> None:
    cabinet = await library.cabinet()
    await library.document(cabinet, "a.pdf", "zukra " * 3 + "words")
    await gather(library)
    await library.document(cabinet, "zukra.pdf", "zukra once")
    exact = {item.document.id: item.score for item in (await library.search("zukra")).items}
    champion = search_champions.c
    rows = await library.session.execute(
        select(champion.document_id, champion.weight).where(champion.lexeme == "zukra")
    )
    assert {row.document_id: 1 + row.weight for row in rows} == pytest.approx(exact)


async def test_counts_and_what_they_let_in_and_out(library: Library) -> None:
    session, org_id = library.session, library.org_id
    cabinet = await library.cabinet()
    made = [await library.document(cabinet, text="hesk", tags=["hesk"]) for _ in range(5)]
    trashed = await library.document(cabinet, text="hesk", deleted_at=now())
    await queries.count_words(session, org_id, common=5, sampled_from=10**9)
    assert await lexeme_of(session, "hesk") is None
    await queries.count_words(session, org_id, common=4, sampled_from=10**9)
    found = await lexeme_of(session, "hesk")
    assert found is not None
    assert (found.documents, found.is_due, found.is_listed) == (5, True, False)
    assert await lexeme_of(session, "tag=hesk") is None
    await gather(library)
    # It stays until there are no more than half as many.
    for left, stays in ((3, True), (2, False)):
        for document in made[left:]:
            await change(session, document, deleted_at=now())
        await queries.count_words(session, org_id, common=4, sampled_from=10**9)
        assert (await lexeme_of(session, "hesk") is not None) == stays
        assert bool(await listed(session, "hesk")) == stays
    last = await queries.last_count(session, org_id)
    assert last is not None
    await session.refresh(last)
    assert (last.documents, sorted(last.folders)) == (2, [cabinet] * 2)
    assert trashed not in made


async def test_many_documents_are_counted_from_a_sample(library: Library) -> None:
    session, org_id = library.session, library.org_id
    cabinet = await library.cabinet()
    for n in range(320):
        await library.document(cabinet, text="hesk pear" if n % 2 else "hesk")
    await queries.count_words(session, org_id, common=0, sampled_from=100)
    sample = list(
        await session.scalars(
            select(DocumentSearch.document_id).where(
                DocumentSearch.org_id == org_id,
                DocumentSearch.search_vector.bool_op("@@")(text("'''sample=16'''::tsquery")),
            )
        )
    )
    found = await lexeme_of(session, "hesk")
    assert found is not None
    assert found.documents == len(sample) * 16
    assert 80 < found.documents < 800
    last = await queries.last_count(session, org_id)
    assert last is not None
    assert (last.documents, last.folders) == (320, [cabinet] * len(sample))


async def test_lists_that_drifted_are_gathered_anew(library: Library) -> None:
    session, org_id = library.session, library.org_id
    cabinet = await library.cabinet()
    made = [
        await library.document(cabinet, f"{n}.pdf", "hesk " * (9 - n) + "x " * n) for n in range(9)
    ]

    async def drifted() -> bool:
        await queries.mark_drifted(session, org_id, size=4)
        found = await lexeme_of(session, "hesk")
        assert found is not None
        return found.is_due

    await gather(library, size=4)
    assert set(await listed(session, "hesk")) == set(made[:4])
    assert not await drifted()
    for n in range(5):
        await library.document(cabinet, f"hesk {n}.pdf")
    assert len(await listed(session, "hesk")) == 9
    assert await drifted()
    await gather(library, size=4)
    assert len(await listed(session, "hesk")) == 4
    assert not set(made) & set(await listed(session, "hesk"))
    for document in await listed(session, "hesk"):
        await change(session, document, deleted_at=now())
    assert await listed(session, "hesk") == []
    assert await drifted()
    await gather(library, size=4)
    assert len(set(await listed(session, "hesk"))) == 4


@pytest.fixture
async def orchard(database: Database) -> tuple[Library, int]:
    """A committed organisation with ten documents about hesks, and their cabinet."""
    async with database.transaction() as session:
        library = Library(session, await new_organisation(session), count())
        cabinet = await library.cabinet()
        for n in range(10):
            await library.document(cabinet, f"{n}.pdf", "hesk " * (n + 1) + "pear")
    return library, cabinet


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "COMMON", 4)
    monkeypatch.setattr(upkeep, "CHAMPIONS", 3)


@pytest.mark.usefixtures("small")
async def test_a_run_counts_and_gathers_and_the_next_finds_nothing_to_do(
    database: Database, orchard: tuple[Library, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    library, cabinet = orchard
    org_id = library.org_id
    done = await upkeep.tend(database, org_id, seconds=60)
    assert done.counted
    # pdf, hesk, pear
    assert done.gathered == 3
    async with database.transaction(Tenant(org_id)) as session:
        assert len(await listed(session, "hesk")) == 3
        assert (await wording.known(session, org_id, ["hesk", "no"])) == Known(
            10, [cabinet] * 10, {"hesk": 10}, {"hesk"}
        )
    assert await upkeep.tend(database, org_id, seconds=60) == upkeep.Tended()
    async with database.transaction(Tenant(org_id)) as session:
        later = replace(library, session=session)
        for _ in range(2):
            await later.document(cabinet, text="plum")
    assert await upkeep.tend(database, org_id, seconds=60) == upkeep.Tended(counted=True)
    async with database.transaction(Tenant(org_id)) as session:
        await session.execute(
            update(SearchStatistics).values(counted_at=now() - timedelta(hours=2))
        )
    assert await upkeep.tend(database, org_id, seconds=60) == upkeep.Tended(counted=True)


async def test_a_small_organisation_costs_a_count(
    database: Database, orchard: tuple[Library, int]
) -> None:
    library, _ = orchard
    assert await upkeep.tend(database, library.org_id, seconds=60) == upkeep.Tended()
    async with database.transaction(Tenant(library.org_id)) as session:
        assert await wording.known(session, library.org_id, ["hesk"]) is None


@pytest.mark.usefixtures("small")
async def test_what_is_written_while_lists_are_made_is_in_them(
    database: Database, orchard: tuple[Library, int]
) -> None:
    """A writer who began before a word was armed is waited for; one who comes later enters by itself."""
    library, cabinet = orchard
    tenant = Tenant(library.org_id)
    async with database.transaction(tenant) as early:
        first = await replace(library, session=early).document(cabinet, "hesk 1.pdf")
        async with database.transaction(tenant) as session:
            await queries.count_words(session, library.org_id, common=4, sampled_from=10**9)
        tending = asyncio.create_task(upkeep.tend(database, library.org_id, seconds=60))
        await _until_armed(database, library.org_id)
        async with database.transaction(tenant) as later:
            second = await replace(library, session=later).document(cabinet, "hesk 2.pdf")
        await asyncio.sleep(0.2)
        assert not tending.done()
    await tending
    async with database.transaction(tenant) as session:
        assert {first, second} <= set(await listed(session, "hesk"))


async def _until_armed(database: Database, org_id: int) -> None:
    async with asyncio.timeout(30):
        while True:
            async with database.transaction(Tenant(org_id)) as session:
                armed = select(SearchLexeme).where(
                    SearchLexeme.lexeme == "hesk", SearchLexeme.threshold == 0
                )
                if await session.scalar(armed):
                    return
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("small")
async def test_nobody_waits_who_writes_common_words(
    database: Database, orchard: tuple[Library, int]
) -> None:
    """Eight write the same words at once, lists are gathered meanwhile, none has committed: no lock is waited for."""
    library, cabinet = orchard
    tenant = Tenant(library.org_id)
    await upkeep.tend(database, library.org_id, seconds=60)
    written = []

    async def write(all_written: asyncio.Barrier, n: int) -> None:
        async with database.transaction(tenant) as session:
            await session.execute(text("SET LOCAL lock_timeout = '200ms'"))
            mine = replace(library, session=session)
            written.append(await mine.document(cabinet, f"hesk {n}.pdf", "pear"))
            await all_written.wait()

    async def gather_meanwhile(all_written: asyncio.Barrier) -> None:
        async with database.transaction(tenant) as session:
            await session.execute(text("SET LOCAL lock_timeout = '200ms'"))
            await gather(replace(library, session=session), size=5)
            await all_written.wait()

    barrier = asyncio.Barrier(9)
    async with asyncio.timeout(60):
        await asyncio.gather(gather_meanwhile(barrier), *(write(barrier, n) for n in range(8)))
    async with database.transaction(tenant) as session:
        assert set(written) <= set(await listed(session, "hesk"))


async def test_two_runs_at_once_share_the_work(
    database: Database, orchard: tuple[Library, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    library, _ = orchard
    monkeypatch.setattr(upkeep, "COMMON", 4)
    done = await asyncio.gather(
        *(upkeep.tend(database, library.org_id, seconds=60) for _ in range(3))
    )
    assert sum(one.gathered for one in done) == 3
    async with database.transaction(Tenant(library.org_id)) as session:
        assert len(await listed(session, "hesk")) == 10
