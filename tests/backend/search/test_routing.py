"""What a query is estimated to match, and the route that follows."""

import pytest

from backend.search import routing
from backend.search.routing import Asked, Known, Route, choose, choose_for_all

COUNTS = {"often": 50_000, "usual": 30_000, "some": 12_000, "unlisted": 11_000, "seldom": 6_000}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("'often'", 50_000),
        ("'unheard'", 0),
        ("'often' & 'seldom'", 6_000),
        ("'often' | 'seldom'", 50_000),
        ("( 'unheard' | 'usual' ) & 'often'", 30_000),
        ("'seldom' & 'often' | 'some'", 12_000),
        ("'often' <-> 'some'", 12_000),
        ("'often' <2> 'some' & 'seldom'", 6_000),
        ("'often':*", 100_000),
        ("'unheard':*A & 'some'", 12_000),
        ("", 100_000),
        ("!'seldom'", 100_000),
        ("'some' & !( 'often' | 'usual' )", 12_000),
        ("'some' | !'often'", 100_000),
    ],
)
def test_the_rarest_word_that_must_match_decides(query: str, expected: int) -> None:
    assert Asked.of(query).matches(COUNTS, at_most=100_000) == expected


def test_no_more_match_than_there_are() -> None:
    assert Asked.of("'often'").matches(COUNTS, at_most=40_000) == 40_000


def test_lexemes_and_whether_they_are_words_alone() -> None:
    asked = Asked.of("( 'a1' | 'it''s' ) & 'ünï' | 'begin':*")
    assert asked.lexemes == {"a1", "it''s", "ünï"}
    assert (asked.is_of_words, asked.has_phrase) == (False, False)
    for query, has_phrase in (
        ("'a' <-> 'b'", True),
        ("'c' | 'a' & 'b' <2> 'c'", True),
        ("( 'a' | 'b' ) & 'c'", False),
    ):
        asked = Asked.of(query)
        assert (asked.is_of_words, asked.has_phrase) == (True, has_phrase)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("'a'", ["a"]),
        ("( 'a' | 'b' ) & 'c'", ["ab", "c"]),
        ("'a' & ( 'b' | 'c' ) | 'd'", ["a", "bc", "d"]),
        ("'a' | 'b'", ["ab"]),
        ("'a':* & 'b'", ["b"]),
        ("'a' & !( 'b' & 'c' )", ["a"]),
        ("", []),
    ],
)
def test_forms_of_a_word_are_one_term(query: str, expected: list[str]) -> None:
    assert list(Asked.of(query).terms) == [frozenset(term) for term in expected]


@pytest.mark.parametrize(
    ("query", "folders", "best", "every"),
    [
        ("'seldom'", range(3), Route.EXACT, Route.EXACT),
        ("'seldom'", range(100), Route.EXACT, Route.EXACT),
        ("'seldom' & 'often'", range(5), Route.EXACT, Route.EXACT),
        # Of a list of 1,000, 1 or 2 % may be read.
        ("'often'", range(1), Route.FOLDERS, Route.FOLDERS),
        ("'often'", range(2), Route.CHAMPIONS, Route.FOLDERS),
        ("'often' & !'some'", range(1), Route.FOLDERS, Route.FOLDERS),
        # Of two, 800 have both words.
        ("'often' & 'usual'", range(2), Route.FOLDERS, Route.FOLDERS),
        ("'often' & 'usual'", range(3), Route.CHAMPIONS, Route.FOLDERS),
        ("'often' <-> 'usual'", range(2), Route.FOLDERS, Route.FOLDERS),
        ("'often' <-> 'usual'", range(3), Route.CHAMPIONS, Route.FOLDERS),
        ("'often' & 'unlisted'", range(3), Route.FOLDERS, Route.FOLDERS),
        ("!'some'", range(5), Route.EXACT, Route.EXACT),
        ("'often' | !'some'", range(5), Route.EXACT, Route.EXACT),
        ("'often' | !'some'", range(50), Route.EXACT, Route.EXACT),
        ("'often' & !( 'usual' <-> 'some' )", range(50), Route.CHAMPIONS, Route.EXACT),
        ("'often'", range(50), Route.CHAMPIONS, Route.EXACT),
        ("'often' & 'usual'", range(50), Route.CHAMPIONS, Route.EXACT),
        ("'often' & 'some'", range(50), Route.CHAMPIONS, Route.EXACT),
        ("'often' | 'seldom'", range(50), Route.CHAMPIONS, Route.EXACT),
        ("'often' <-> 'usual'", range(50), Route.CHAMPIONS, Route.EXACT),
        ("'unlisted'", range(50), Route.EXACT, Route.EXACT),
        ("'often':*", range(50), Route.EXACT, Route.EXACT),
        ("'often' & 'usual':*", range(50), Route.EXACT, Route.EXACT),
        ("", range(50), Route.EXACT, Route.EXACT),
        # Many folders with little in them, and nearly as much to read as to find.
        ("'often'", range(200, 800), Route.CHAMPIONS, Route.EXACT),
        ("'usual'", range(6), Route.CHAMPIONS, Route.FOLDERS),
        ("'some'", range(6), Route.CHAMPIONS, Route.EXACT),
    ],
)
def test_the_routes_follow_from_the_words_and_from_what_may_be_read(
    query: str, folders: range, best: Route, every: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "RARE", 10_000)
    known = Known(100_000, range(100), COUNTS, {"often", "usual", "some"})
    asked, places = Asked.of(query), set(folders)
    assert choose(asked, known, places, wanted=20) == best
    assert choose_for_all(asked, known, places) == every


def test_the_share_is_that_of_the_sample() -> None:
    known = Known(100_000, [1, 1, 1, 2, 3, 3, 4, 5, 6, 7], {}, set())
    assert known.share({1, 3}) == 0.5
    assert known.share(set()) == 0
    assert Known(0, [], {}, set()).share({1}) == 0
