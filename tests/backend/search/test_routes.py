"""Every route finds what a brute-force search finds, page by page, each document once, whoever may read what."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update

from backend.access.rules import Effect, Principal
from backend.access.schemas import PolicyIn
from backend.access.service import policies
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.db import Database
from backend.core.pagination import decode_cursor
from backend.documents.models import Document
from backend.search import relevance, routing
from backend.search.models import SearchLexeme, search_champions
from backend.search.queries import outcomes, upkeep
from backend.search.queries import searching as queries
from backend.search.routing import Route
from backend.search.schemas import SearchResult, Sort
from tests.backend.search.conftest import Library, new_organisation
from tests.backend.search.test_oracle import WORDS, Asked, asked

PLACES = 4
TAG = "red"
WAYS = [
    (Route.EXACT, Route.EXACT),
    (Route.FOLDERS, Route.FOLDERS),
    (Route.CHAMPIONS, Route.EXACT),
    (Route.CHAMPIONS, Route.FOLDERS),
]
"""The routes to the best, each with the one to all matches that goes on where it ends."""
ON_FROM = {
    Route.EXACT: {Route.EXACT},
    Route.FOLDERS: {Route.FOLDERS},
    Route.CHAMPIONS: set(Route),
}


@contextmanager
def forced(route: Route, to_all: Route = Route.EXACT) -> Iterator[None]:
    """Move the bounds so that every search takes a route, where it can; from the lists another one to all matches."""
    by_folder = Route.FOLDERS in {route, to_all}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "RARE", 10**9 if route is Route.EXACT else -1)
        patch.setattr(routing, "NARROW", 2.0 if by_folder else -1.0)
        patch.setattr(routing, "CHAMPIONS", 10**9 if route is Route.CHAMPIONS else 0)
        patch.setattr(relevance, "COMMON", -1)
        patch.setattr(routing, "FOLDER", 0)
        patch.setattr(routing, "VISIBLE", 0)
        yield


async def gather(library: Library, *, size: int = 1_000) -> None:
    """Count, and gather the champions of every word there is, as the scheduler does for common ones."""
    session, org_id = library.session, library.org_id
    await upkeep.count_words(session, org_id, common=0, sampled_from=10**9)
    await session.execute(
        update(SearchLexeme).values(is_due=True).execution_options(synchronize_session=False)
    )
    for lexeme in await upkeep.arm(session, org_id, limit=10_000):
        assert await upkeep.gather(session, org_id, lexeme, size=size)


def route_of(result: SearchResult) -> str:
    assert result.next_cursor is not None
    return str(decode_cursor(result.next_cursor, str, float, str, int, int, bool, str, str)[6])


async def walk(
    library: Library, q: str, actor: Actor, *, limit: int, sort: Sort = Sort.RELEVANCE
) -> list[SearchResult]:
    pages = [await library.search(q, actor, limit=limit, sort=sort)]
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(await library.search(q, actor, limit=limit, sort=sort, cursor=cursor))
    return pages


def found(pages: Sequence[SearchResult]) -> list[int]:
    return [item.document.id for page in pages for item in page.items]


@dataclass(frozen=True)
class Made:
    place: int
    words: tuple[str, ...]
    is_red: bool
    own: str | None
    """What the member was granted on it alone."""
    fate: str
    """What happens to it after the champions were gathered."""


@dataclass(frozen=True)
class World:
    made: tuple[Made, ...]
    late: int
    """So many of them are written after the champions were gathered."""
    places: tuple[str | None, ...]
    """What the member was granted on each place."""
    red: str | None
    """What a policy says to the member of red documents, anywhere."""

    def shows(self, one: Made) -> bool:
        said = {one.own, self.places[one.place], self.red if one.is_red else None}
        return said - {None} == {"allow"}


effect = st.none() | st.sampled_from(["allow", "allow", "deny"])
word = st.sampled_from(WORDS)
worlds = st.builds(
    World,
    st.lists(
        st.builds(
            Made,
            st.integers(0, PLACES - 1),
            st.lists(word, max_size=6).map(tuple),
            st.booleans(),
            effect,
            st.sampled_from(["", "", "", "trash", "restore", "move", "rename", "purge"]),
        ),
        min_size=1,
        max_size=12,
    ).map(tuple),
    st.integers(0, 6),
    st.tuples(*[effect] * PLACES),
    effect,
)


async def say_of_red(library: Library, member: Actor, said: str) -> None:
    statement = {
        "Effect": said.capitalize(),
        "Action": ["dms:document:Read"],
        "Resource": "*",
        "Condition": {"ForAnyValue:StringEquals": {"dms:tag": [TAG]}},
    }
    document = {"Version": "1", "Statement": [statement]}
    made = await policies.create_policy(
        library.session, library.administrator, PolicyIn(name="Red", document=document)
    )
    principal = Principal.of_user(member.user_id)
    await policies.attach(library.session, library.administrator, made.id, principal, reason="test")


async def befall(library: Library, document: int, one: Made, places: Sequence[int]) -> Made | None:
    """Let happen to a document what is to; return what it is then, None if it is not to be found."""
    session = library.session

    async def change(**values: Any) -> None:
        await session.execute(update(Document).where(Document.id == document).values(**values))

    match one.fate:
        case "trash":
            await change(deleted_at=now())
            return None
        case "restore":
            await change(deleted_at=now())
            await change(deleted_at=None)
        case "move":
            place = (one.place + 1) % PLACES
            await change(folder_id=places[place])
            return Made(place, one.words, one.is_red, one.own, "")
        case "rename":
            # The name's words stand before the text's, with none of them in a row with it.
            await change(name=f"{WORDS[0]} {document}.pdf")
            return Made(one.place, (WORDS[0], "", *one.words), one.is_red, one.own, "")
        case "purge":
            await change(current_version_id=None)
            await session.execute(delete(Document).where(Document.id == document))
            return None
    return one


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(world=worlds, wanted=st.lists(asked, min_size=1, max_size=3), size=st.integers(1, 4))
async def test_every_route_finds_the_same(
    database: Database, world: World, wanted: list[Asked], size: int
) -> None:
    async with database.transaction() as session:
        library = Library(session, await new_organisation(session), count())
        member = await library.member()
        there = await build(library, member, world, size)
        for query in wanted:
            for actor in (library.administrator, member):
                expected = {
                    document
                    for document, one in there.items()
                    if query.matches(one.words) and (actor is not member or world.shows(one))
                }
                await check(library, query, actor, expected)
                await check_newest(library, query, actor, expected, few=size)
        await session.rollback()


async def build(library: Library, member: Actor, world: World, size: int) -> dict[int, Made]:
    """Write a world down; return the documents that may be found."""
    tops = [await library.cabinet() for _ in range(PLACES)]
    # Every other place is a folder below, so that what is said of it is inherited.
    places = [top if at % 2 else await library.folder(top) for at, top in enumerate(tops)]
    for top, said in zip(tops, world.places, strict=True):
        if said is not None:
            await library.give(user_id=member.user_id, folder_id=top, effect=Effect(said))
    if world.red is not None:
        await say_of_red(library, member, world.red)
    there: dict[int, Made] = {}
    for at, one in enumerate(world.made):
        if at == max(len(world.made) - world.late, 0):
            await gather(library, size=size)
        document = await library.document(
            places[one.place], text=" ".join(one.words), tags=[TAG] if one.is_red else []
        )
        there[document] = one
        if one.own is not None:
            await library.give(user_id=member.user_id, document_id=document, effect=Effect(one.own))
    if not world.late:
        await gather(library, size=size)
    fates = {key: await befall(library, key, one, places) for key, one in there.items()}
    return {key: one for key, one in fates.items() if one is not None}


async def check(library: Library, wanted: Asked, actor: Actor, expected: set[int]) -> None:
    orders, query = {}, str(wanted)
    for route, to_all in WAYS:
        with forced(route, to_all):
            pages = await walk(library, query, actor, limit=2)
        orders[route] = found(pages)
        assert sorted(orders[route]) == sorted(expected), (route, query)
        for page in pages:
            scores = [item.score for item in page.items]
            assert scores == sorted(scores, reverse=True)
            assert page.total_is_estimate or page.total == len(expected), (route, query)
            if page.next_cursor is not None and route is not Route.CHAMPIONS:
                assert route_of(page) == (route if wanted.is_anchored else Route.EXACT)
    assert orders[Route.EXACT] == orders[Route.FOLDERS]


async def check_newest(
    library: Library, wanted: Asked, actor: Actor, expected: set[int], *, few: int
) -> None:
    """Hold both routes to the order of the dates, where so few matches are collected and looked at one by one."""
    newest = sorted(expected, reverse=True)
    for route in (Route.EXACT, Route.FOLDERS):
        with forced(route), pytest.MonkeyPatch.context() as patch:
            patch.setattr(outcomes, "EXACT_COUNT", few)
            patch.setattr(queries, "WALK", few)
            pages = await walk(library, str(wanted), actor, limit=2, sort=Sort.NEWEST)
        assert found(pages) == newest, (route, str(wanted))
        for page in pages:
            assert page.total_is_estimate or page.total == len(expected)
            if page.next_cursor is not None:
                assert route_of(page) == (route if wanted.is_anchored else Route.EXACT)


async def test_a_cursor_goes_on_the_route_it_was_made_on(library: Library) -> None:
    cabinet = await library.cabinet()
    made = {await library.document(cabinet, text="words " * n) for n in range(1, 8)}
    await gather(library, size=5)
    for first in Route:
        with forced(first):
            pages = [await library.search("words", limit=2)]
        assert route_of(pages[0]) == first
        for then in Route:
            with forced(then):
                pages = [pages[0]]
                while pages[-1].next_cursor is not None:
                    assert route_of(pages[-1]) in ON_FROM[first]
                    cursor = pages[-1].next_cursor
                    pages.append(await library.search("words", limit=2, cursor=cursor))
            assert len(found(pages)) == len(made)
            assert set(found(pages)) == made


async def test_the_best_come_first_from_the_lists_and_the_others_after_them(
    library: Library,
) -> None:
    cabinet = await library.cabinet()
    # Far enough apart: one document of 16 has a lexeme more, by its number, which weighs a little.
    made = [
        await library.document(cabinet, f"{n:02}.pdf", "words " * n + "filler " * 18 * (11 - n))
        for n in range(1, 11)
    ]
    await gather(library, size=5)
    for to_all in (Route.EXACT, Route.FOLDERS):
        with forced(Route.CHAMPIONS, to_all):
            pages = await walk(library, "words", library.administrator, limit=2)
        assert found(pages) == made[::-1]
        routes = [route_of(page) for page in pages[:-1]]
        assert routes == [Route.CHAMPIONS, Route.CHAMPIONS, to_all, to_all]


async def test_a_phrase_is_looked_for_in_the_lists_where_a_sample_shows_it_to_be_common(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await library.cabinet()
    # One of sixteen is of the sample that is patched to be the sparse one.
    made = {await library.document(cabinet, text="alpha beta " * (n % 9 + 1)) for n in range(200)}
    for _ in range(20):
        await library.document(cabinet, text="beta alpha gamma " * 12)
    await gather(library)
    monkeypatch.setattr(queries, "SPARSE", queries.DENSE)
    for common, route in ((16, Route.CHAMPIONS), (1_000, Route.EXACT)):
        with forced(Route.CHAMPIONS), pytest.MonkeyPatch.context() as patch:
            patch.setattr(relevance, "COMMON", common)
            first = await library.search('"alpha beta"', limit=30)
            assert route_of(first) == route
            pages = await walk(library, '"alpha beta"', library.administrator, limit=30)
            assert len(found(pages)) == len(made)
            assert set(found(pages)) == made
            assert (first.total, first.total_is_estimate) == (200, False)


async def test_several_words_are_weighed_together(library: Library) -> None:
    cabinet = await library.cabinet()
    both = await library.document(cabinet, text="alpha alpha alpha beta beta beta")
    one = await library.document(cabinet, text="alpha alpha alpha alpha beta gamma")
    await library.document(cabinet, text="alpha alpha alpha alpha alpha gamma")
    await library.document(cabinet, text="beta gamma gamma gamma gamma gamma")
    await gather(library, size=3)
    with forced(Route.CHAMPIONS):
        assert await library.find("alpha beta", limit=1) == [both]
        assert await library.find("alpha beta") == [both, one]


async def test_lists_that_change_between_two_pages_neither_repeat_nor_hide(
    library: Library,
) -> None:
    cabinet = await library.cabinet()
    made = {
        await library.document(cabinet, text="words " * (n % 5 + 1) + "filler " * 9)
        for n in range(20)
    }
    await gather(library, size=12)
    with forced(Route.CHAMPIONS):
        pages = [await library.search("words", limit=3)]
        for step in count():
            if pages[-1].next_cursor is None:
                break
            if step == 0:
                made.add(await library.document(cabinet, text="words " * 50))
            elif step == 1:
                await gather(library, size=6)
            elif step == 2:
                await gather(library, size=20)
            cursor = pages[-1].next_cursor
            pages.append(await library.search("words", limit=3, cursor=cursor))
    assert len(found(pages)) == len(made)
    assert set(found(pages)) == made


async def test_champions_are_filtered_and_matched_like_any_other(library: Library) -> None:
    """A list may name anything: what went, what changed, what another organisation has."""
    member = await library.member()
    shared, hidden = await library.cabinet("", member), await library.cabinet()
    seen = [await library.document(shared, text="secret words") for _ in range(4)]
    others = [
        await library.document(hidden, text="secret words"),
        await library.document(shared, text="secret words", deleted_at=now()),
        await library.document(shared, text="something else"),
    ]
    other = await library.elsewhere()
    others.append(await other.document(await other.cabinet(), text="secret words"))
    await library.enter()
    await gather(library)
    rows = [
        {"org_id": library.org_id, "lexeme": lexeme, "weight": 9.0, "document_id": document}
        for document in (*others, 2**60)
        for lexeme in ("secret", "word", "words")
    ]
    await library.session.execute(insert(search_champions), rows * 2)
    with forced(Route.CHAMPIONS):
        for query in ("secret", "secret words", "words -else type:pdf"):
            first = await library.search(query, member, limit=3)
            assert route_of(first) == Route.CHAMPIONS
            pages = await walk(library, query, member, limit=3)
            assert set(found(pages)) == set(seen)
            assert len(found(pages)) == len(seen)


async def test_totals_with_lists_are_counted_of_few_and_estimated_of_many(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = await library.cabinet()
    # So many that every 16th of them, by a hash, is one at least, and more than are counted in full.
    for _ in range(400):
        await library.document(cabinet, text="words", tags=["t"])
    await gather(library)
    with forced(Route.CHAMPIONS):
        few = await library.search("words", limit=2)
        monkeypatch.setattr(outcomes, "EXACT_COUNT", 10)
        many = await library.search("words", limit=2)
    assert route_of(few) == route_of(many) == Route.CHAMPIONS
    assert (few.total, few.total_is_estimate, few.facets_are_estimates) == (400, False, False)
    assert (many.total_is_estimate, many.facets_are_estimates) == (True, True)
    assert many.total % 16 == 0
    assert 100 < many.total < 900
    assert [facet.count for facet in many.facets.tag] == [many.total]
    assert [facet.count for facet in few.facets.tag] == [400]


async def test_a_cursor_names_what_was_shown_within_its_bounds(library: Library) -> None:
    """The longest there can be still goes into an address."""
    cabinet = await library.cabinet()
    made = [await library.document(cabinet, text="words") for _ in range(160)]
    await gather(library)
    with forced(Route.CHAMPIONS):
        pages = await walk(library, "words", library.administrator, limit=75)
    assert [len(page.items) for page in pages] == [75, 75, 10]
    assert [route_of(page) for page in pages[:-1]] == [Route.CHAMPIONS, Route.CHAMPIONS]
    assert set(found(pages)) == set(made)
    assert all(len(page.next_cursor or "") < 2_000 for page in pages)


async def test_what_is_known_leads_to_a_route(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a forced bound: a word in many of the documents, for who reads all of them and who reads few."""
    monkeypatch.setattr(routing, "RARE", 5)
    monkeypatch.setattr(routing, "FOLDER", 1)
    member = await library.member()
    shared, hidden = await library.cabinet("", member), await library.cabinet()
    for n in range(160):
        words = "often usual " + ("rare" if n < 3 else "")
        await library.document(shared if n < 6 else hidden, text=words)
    for query, actor, before, after in (
        ("often", library.administrator, Route.EXACT, Route.CHAMPIONS),
        ("often", member, Route.EXACT, Route.CHAMPIONS),
        ('"often usual"', member, Route.EXACT, Route.FOLDERS),
        ('"often usual"', library.administrator, Route.EXACT, Route.EXACT),
        ("rare", library.administrator, Route.EXACT, Route.EXACT),
    ):
        assert route_of(await library.search(query, actor, limit=2)) == before
        async with library.session.begin_nested() as undone:
            await gather(library)
            assert route_of(await library.search(query, actor, limit=2)) == after
            await undone.rollback()
    listed = select(func.count()).select_from(search_champions)
    assert await library.session.scalar(listed) == 0
