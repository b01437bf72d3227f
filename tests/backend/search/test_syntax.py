"""The query language, without a database."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.search.errors import InvalidQueryError
from backend.search.syntax import MAX_TERMS, Choice, Filters, ParsedQuery, Term, parse


def words(*terms: str) -> tuple[tuple[Term, ...], ...]:
    return (tuple(Term(term) for term in terms),)


@pytest.mark.parametrize(
    ("query", "alternatives"),
    [
        ("", ()),
        ("   ", ()),
        ("lease contract", words("lease", "contract")),
        ("hyper-text", words("hyper-text")),
        ("foo:bar", words("foo:bar")),
        ("http://example.org", words("http://example.org")),
        ('"notice period"', ((Term("notice period", is_phrase=True),),)),
        ('"unclosed phrase', ((Term("unclosed phrase", is_phrase=True),),)),
        ("-draft", ((Term("draft", is_excluded=True),),)),
        ('-"a b"', ((Term("a b", is_excluded=True, is_phrase=True),),)),
        ("inv*", ((Term("inv*", is_prefix=True),),)),
        ("i* **", words("i*")),
        ("a or b c", ((Term("a"),), (Term("b"), Term("c")))),
        ("or", ()),
        ("or a or", words("a")),
        ("a or or b", ((Term("a"),), (Term("b"),))),
        ("- -- ... & |", ()),
        ("don't", words("don't")),
    ],
)
def test_words(query: str, alternatives: tuple[tuple[Term, ...], ...]) -> None:
    assert parse(query) == ParsedQuery(alternatives)


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ("type:pdf TYPE:Image", Filters(family=Choice(("pdf", "image")))),
        ("-type:pdf", Filters(family=Choice((), ("pdf",)))),
        ('tag:"to do" tag:b -tag:c', Filters(tags=("to do", "b"), without_tags=("c",))),
        ('in:"Human Resources" -in:5', Filters(folder=Choice(("Human Resources",), ("5",)))),
        ("owner:me", Filters(owner=Choice(("me",)))),
        (
            "after:2024 before:2024-03",
            Filters(
                created_from=datetime(2024, 1, 1, tzinfo=UTC),
                created_before=datetime(2024, 3, 1, tzinfo=UTC),
            ),
        ),
        ("after:2024-02-29 after:2023", Filters(created_from=datetime(2024, 2, 29, tzinfo=UTC))),
        ("size>10MB", Filters(size_from=10_000_001)),
        ("size>=1KiB size<2.5kB", Filters(size_from=1024, size_to=2499)),
        ("size<=7", Filters(size_to=7)),
        ("size>999999999999999GB", Filters(size_from=2**62 + 1)),
    ],
)
def test_filters(query: str, filters: Filters) -> None:
    assert parse(query) == ParsedQuery((), filters)


@pytest.mark.parametrize(
    ("query", "position", "length"),
    [
        ("lease type:", 6, 5),
        ("type:word", 0, 9),
        ("a before:tomorrow", 2, 15),
        ("a after:2023-02-29", 2, 16),
        ("-before:2024", 0, 12),
        ("size>many", 0, 9),
        ("size>", 0, 5),
        ("tag:a or tag:b", 6, 2),
        ("lease or type:pdf", 6, 2),
        (" ".join(["a"] * (MAX_TERMS + 1)), 2 * MAX_TERMS, 1),
    ],
)
def test_errors_say_where(query: str, position: int, length: int) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        parse(query)
    assert caught.value.data == {"position": position, "length": length}


@given(st.text(alphabet=st.sampled_from('ab "-:*<>=.orintagsizetypebefore0129'), max_size=60))
def test_anything_typed_is_a_query_or_a_clear_error(query: str) -> None:
    try:
        parsed = parse(query)
    except InvalidQueryError as error:
        position, length = error.data["position"], error.data["length"]
    else:
        assert all(term.words.strip() for term in parsed.terms)
        return
    assert isinstance(position, int)
    assert isinstance(length, int)
    assert 0 <= position < position + length <= len(query)
