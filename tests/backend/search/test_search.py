"""Filters, order, pages, totals, facets, snippets, suggestions, and what is visible when."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Database, Tenant
from backend.core.pagination import InvalidCursorError, encode_cursor
from backend.documents.models import Document
from backend.search import service
from backend.search.models import DocumentSearch
from backend.search.queries import outcomes
from backend.search.queries import searching as queries
from backend.search.schemas import Sort
from backend.search.syntax import Family
from backend.texts.errors import NoTextError
from backend.texts.service.reading import read_text
from tests.backend.search.conftest import Library, new_organisation
from tests.support.queries import counted_queries


async def test_filters(library: Library) -> None:
    member = await library.member("Grace Hopper")
    legal = await library.cabinet("Legal")
    leases = await library.folder(legal, "Leases & co")
    hr = await library.cabinet("HR")
    one = await library.document(leases, "one.pdf", tags=["To do", "it's"], size=500)
    two = await library.document(
        legal, "two.xlsx", media_type="text/csv", tags=["to do"], size=5_000_000
    )
    three = await library.document(
        hr,
        "three.png",
        media_type="image/png",
        owner_id=member.user_id,
        created_at=datetime(2023, 6, 1, tzinfo=UTC),
    )
    for query, expected in {
        "type:pdf": {one},
        "type:pdf type:image": {one, three},
        "-type:image": {one, two},
        'tag:"TO DO"': {one, two},
        'tag:"to do" tag:"it\'s"': {one},
        '-tag:"to do"': {three},
        "in:legal": {one, two},
        f"in:{leases}": {one},
        'in:"leases & co" in:hr': {one, three},
        "-in:legal": {three},
        "owner:me": {one, two},
        "owner:hopper": {three},
        "-owner:hopper": {one, two},
        "owner:nobody": set(),
        "before:2024": {three},
        "after:2024": {one, two},
        "size>1MB": {two},
        "size<=500": {one, three},
        "in:legal type:pdf one": {one},
        "in:nowhere": set(),
    }.items():
        assert set(await library.find(query)) == expected, query
    assert await library.find(folder_id=leases) == [one]
    assert set(await library.find(families=[Family.PDF, Family.IMAGE])) == {one, three}
    assert await library.find("type:pdf", families=[Family.IMAGE]) == []
    assert await library.find(tags=["it's"]) == [one]
    assert await library.find(owner_id=member.user_id) == [three]
    assert await library.find(created_before=datetime(2024, 1, 1, tzinfo=UTC)) == [three]


@pytest.mark.parametrize("sort", list(Sort))
async def test_pages_have_no_gaps_and_no_repeats_where_scores_tie(
    library: Library, sort: Sort
) -> None:
    cabinet = await library.cabinet()
    moment = datetime(2024, 5, 5, tzinfo=UTC)
    wanted = {
        await library.document(cabinet, f"{n}.pdf", "the same words", created_at=moment)
        for n in range(17)
    }
    # Similar names follow, with scores of their own.
    wanted |= {await library.document(cabinet, f"Samme {n}.pdf") for n in range(4)}
    pages, cursor = [], None
    while True:
        result = await library.search("same", sort=sort, limit=5, cursor=cursor)
        pages.append([item.document.id for item in result.items])
        assert (result.total, result.total_is_estimate) == (21, False)
        cursor = result.next_cursor
        if cursor is None:
            break
    found = [document for page in pages for document in page]
    assert (len(found), set(found)) == (21, wanted)
    assert [len(page) for page in pages] == [5, 5, 5, 5, 1]


async def test_what_is_excluded_does_not_spoil_the_order(library: Library) -> None:
    cabinet = await library.cabinet()
    often = await library.document(cabinet, text="apple " * 9)
    once = await library.document(cabinet, text="apple " + "pear " * 8)
    for query in ("apple", "apple -plum", "apple or -apple"):
        assert await library.find(query) == [often, once], query


async def test_newest_first(library: Library) -> None:
    cabinet = await library.cabinet()
    made = [await library.document(cabinet, text="words") for _ in range(4)]
    assert await library.find("words", sort=Sort.NEWEST) == made[::-1]
    assert await library.find("") == made[::-1]


async def test_cursors_of_other_searches_are_refused(library: Library) -> None:
    cabinet = await library.cabinet()
    for _ in range(2):
        await library.document(cabinet, text="words")
    cursor = (await library.search("words", limit=1)).next_cursor
    moment = "2024-01-01T00:00:00+00:00"
    right = encode_cursor(*("relevance", 1.0, moment, 1, 1, False, "exact", "1.a"))
    assert (await library.search("words", cursor=right)).items == []
    for wrong in (
        "nonsense",
        encode_cursor(*("relevance", 1.0, "yesterday", 1, 1, False, "exact", "")),
        encode_cursor(*("relevance", 1.0, moment, 2**70, 1, False, "exact", "")),
        encode_cursor(*("relevance", 1.0, moment, 1, 1, False, "elsewhere", "")),
        encode_cursor(*("relevance", 1.0, moment, 1, 1, False, "champions", "1.words")),
        encode_cursor(*("relevance", 1.0, moment, 1, 1, False, "champions", "1.-2")),
        encode_cursor(*("relevance", 1.0, moment, 1, 1, False, "exact", "f" * 17)),
    ):
        with pytest.raises(InvalidCursorError):
            await library.search("words", cursor=wrong)
    with pytest.raises(InvalidCursorError):
        await library.search("words", sort=Sort.NEWEST, cursor=cursor)


async def test_facets(library: Library) -> None:
    cabinet = await library.cabinet()
    await library.document(cabinet, text="words", tags=["a", "b"])
    await library.document(cabinet, text="words", tags=["b"])
    await library.document(cabinet, text="words", media_type="image/png")
    await library.document(cabinet, text="other", tags=["c"])
    result = await library.search("words")
    assert [(facet.value, facet.count) for facet in result.facets.type] == [
        ("pdf", 2),
        ("image", 1),
    ]
    assert [(facet.value, facet.count) for facet in result.facets.tag] == [("b", 2), ("a", 1)]
    assert not result.facets_are_estimates


async def test_snippets_mark_the_hits_and_carry_no_control_characters_of_the_text(
    library: Library,
) -> None:
    text = (
        "Before. " * 40
        + "\x02Fake\x03 <b>mark</b> – the „Rechnungen“ of AB-1234/56 (paid) are\x0bhere. "
        + "After. " * 40
    )
    cabinet = await library.cabinet()
    await library.document(cabinet, "x.pdf", text, language="de")
    await library.document(cabinet, "Empty Rechnung.pdf")
    by_name, by_text = sorted(
        (await library.search("rechnung")).items, key=lambda item: item.matched
    )
    assert (by_name.matched, by_name.snippet) == ("name", "")
    assert by_text.matched == "text"
    assert "„\x02Rechnungen\x03“" in by_text.snippet
    assert "Fake <b>mark</b>" in by_text.snippet
    assert re.findall(r"[\x00-\x08\x0b-\x1f]", by_text.snippet) == ["\x02", "\x03"]
    assert len(by_text.snippet) < 600
    [found] = (await library.search('"AB-1234/56"')).items
    assert "\x02AB\x03-\x021234\x03/\x0256\x03" in found.snippet


async def test_a_snippet_in_every_script(library: Library) -> None:
    cabinet = await library.cabinet()
    for language, body, query, hit in [
        ("el", "Η σύμβαση της εταιρείας.", "ΣΎΜΒΑΣΗ", "σύμβαση"),
        ("ru", "Договоры аренды подписаны.", "договор", "Договоры"),
        ("fr", "Les résumés sont prêts.", "resume", "résumés"),
        ("ja", "契約書は東京で。", "東京", "東\x03\x02京"),
    ]:
        await library.document(cabinet, text=body, language=language)
        [item] = (await library.search(query)).items
        assert f"\x02{hit}\x03" in item.snippet


async def test_suggestions(library: Library) -> None:
    legal = await library.cabinet("Legal")
    folder = await library.folder(legal, "Leases")
    lease = await library.document(folder, "Lease of the house.pdf")
    await library.document(legal, "Something else.pdf")
    for typed in ("le", "lea", "leas", "leasse", "house", "LEASE of"):
        [found] = await service.suggest(library.session, library.administrator, typed)
        assert (found.document_id, found.folder_id) == (lease, folder)
        assert [step.name for step in found.ancestors] == ["Legal", "Leases"]
    for typed in ("", "l", "  ", "zzz"):
        assert await service.suggest(library.session, library.administrator, typed) == []


async def test_a_name_is_found_in_the_transaction_that_wrote_it_and_a_text_with_it(
    library: Library,
) -> None:
    document = await library.document(await library.cabinet(), "Fresh.pdf")
    assert await library.find("fresh") == [document]
    row = await library.session.get_one(Document, document)
    assert row.current_version_id is not None
    await library.index(row.current_version_id, "ripe apples")
    assert await library.find("apple") == [document]
    # A new version brings its own text; what the old one said is no longer found.
    row = await library.session.get_one(Document, document)
    await library.version(row, "green pears", number=2)
    assert await library.find("apple") == []
    assert await library.find("pears fresh") == [document]
    await library.session.execute(
        update(Document).where(Document.id == document).values(name="Stale.pdf", tags=["fruit"])
    )
    assert await library.find("stale pears fruit") == [document]
    assert await library.find("fresh") == []


async def test_late_text_of_an_old_version_does_not_return(library: Library) -> None:
    document = await library.document(await library.cabinet(), "a.pdf")
    row = await library.session.get_one(Document, document)
    old = row.current_version_id
    assert old is not None
    await library.version(row, "new", number=2)
    await library.index(old, "old")
    assert await library.find("old") == []
    read = await read_text(library.session, library.administrator, document, version=1)
    assert read.text == "old"


async def test_no_text_yet(library: Library) -> None:
    document = await library.document(await library.cabinet(), "a.pdf")
    with pytest.raises(NoTextError):
        await read_text(library.session, library.administrator, document)


async def test_a_name_and_a_text_written_at_once_both_arrive(database: Database) -> None:
    """Two transactions each change half of the searched row; neither may overwrite the other's half."""
    async with database.transaction() as session:
        library = Library(session, await new_organisation(session), count())
        document = await library.document(await library.cabinet(), "before.pdf")
        version = (await session.get_one(Document, document)).current_version_id
    assert version is not None
    tenant = Tenant(library.org_id)
    async with database.transaction(tenant) as naming:
        await naming.execute(
            update(Document).where(Document.id == document).values(name="after.pdf")
        )

        async def index() -> None:
            async with database.transaction(tenant) as indexing:
                await replace(library, session=indexing).index(version, "apples")

        waiting = asyncio.create_task(index())
        await _until_someone_waits(naming)
    await waiting
    async with database.transaction(tenant) as session:
        assert await replace(library, session=session).find("after apples") == [document]


async def _until_someone_waits(session: AsyncSession) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    async with asyncio.timeout(30):
        while not await session.scalar(waiting):  # noqa: ASYNC110  # another transaction sets no event
            await asyncio.sleep(0.01)


async def test_a_move_and_the_trash_leave_the_vector_alone(library: Library) -> None:
    """A heap-only update: no index entry is written, where a rewrite of the vector costs a millisecond each."""
    document = await library.document(await library.cabinet(), text="words")
    place = select(DocumentSearch.search_vector).where(DocumentSearch.document_id == document)
    before = await library.session.scalar(place)
    await library.session.execute(
        update(Document).where(Document.id == document).values(deleted_at=datetime.now(UTC))
    )
    assert await library.session.scalar(place) == before


async def test_the_number_of_queries_does_not_grow_with_the_page(library: Library) -> None:
    cabinet = await library.cabinet()
    counts = []
    for more in (2, 10):
        for _ in range(more):
            await library.document(await library.folder(cabinet), text="words")
        with counted_queries() as statements:
            await library.search("words in:" + str(cabinet))
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 15


async def test_many_matches_are_estimated_and_walked(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With lower bounds, the ways that only thousands of matches take: sample, walk, and the fallback to sorting."""
    monkeypatch.setattr(outcomes, "EXACT_COUNT", 20)
    monkeypatch.setattr(queries, "WALK", 30)
    cabinet = await library.cabinet()
    made = [
        await library.document(cabinet, f"{n}.pdf", "early" if n < 200 else "late", tags=["t"])
        for n in range(240)
    ]
    for word, expected in (("early", made[199::-1]), ("late", made[:199:-1])):
        found, cursor = [], None
        while True:
            result = await library.search(word, sort=Sort.NEWEST, limit=15, cursor=cursor)
            found += [item.document.id for item in result.items]
            assert result.total_is_estimate
            assert result.total > 20
            cursor = result.next_cursor
            if cursor is None:
                break
        assert found == expected
    result = await library.search("early")
    assert (result.total, result.total_is_estimate) == (200, False)
    assert result.facets_are_estimates
