"""Every way of searching finds exactly what a brute-force search in Python finds, for whoever asks."""

from dataclasses import dataclass
from itertools import count, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.db import Database
from backend.search.schemas import Sort
from tests.backend.search.conftest import START, Library, new_organisation

# Invented, alike to no other, so that no stemmer joins two of them and no name resembles one.
WORDS = ["zukra", "polme", "vindo", "hesk", "brylt", "x42"]


@dataclass(frozen=True)
class Made:
    place: int
    words: tuple[str, ...]
    is_deleted: bool


@dataclass(frozen=True)
class Asked:
    """Alternatives of required words, excluded words and phrases of two."""

    alternatives: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]], ...]

    def __str__(self) -> str:
        return " or ".join(
            " ".join(
                [*required, *(f'"{a} {b}"' for a, b in phrases), *(f"-{word}" for word in excluded)]
            )
            for required, excluded, phrases in self.alternatives
        )

    @property
    def is_anchored(self) -> bool:
        """Whether each alternative asks for something."""
        return all(required or phrases for required, _, phrases in self.alternatives)

    def matches(self, words: tuple[str, ...]) -> bool:
        return any(
            set(required) <= set(words)
            and not set(excluded) & set(words)
            and all(phrase in set(pairwise(words)) for phrase in phrases)
            for required, excluded, phrases in self.alternatives
        )


word = st.sampled_from(WORDS)
documents = st.lists(
    st.builds(
        Made,
        st.integers(0, 3),
        st.lists(word, max_size=6).map(tuple),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)
alternative = st.tuples(
    st.lists(word, max_size=2).map(tuple),
    st.lists(word, max_size=1).map(tuple),
    st.lists(st.tuples(word, word), max_size=1).map(tuple),
).filter(any)
asked = st.lists(alternative, min_size=1, max_size=2).map(lambda parts: Asked(tuple(parts)))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    made=documents,
    queries=st.lists(asked, min_size=1, max_size=4),
    shared=st.sets(st.integers(0, 3)),
)
async def test_membership(
    database: Database, made: list[Made], queries: list[Asked], shared: set[int]
) -> None:
    async with database.transaction() as session:
        library = Library(session, await new_organisation(session), count())
        member = await library.member()
        tops = [
            await library.cabinet("", *([member] if place in shared else [])) for place in range(4)
        ]
        # Every other place is a folder below, so that sharing is inherited.
        places = [top if place % 2 else await library.folder(top) for place, top in enumerate(tops)]
        ids = {
            await library.document(
                places[one.place],
                text=" ".join(one.words),
                deleted_at=START if one.is_deleted else None,
            ): one
            for one in made
        }
        for query in queries:
            for actor, seen in ((library.administrator, {0, 1, 2, 3}), (member, shared)):
                expected = {
                    document
                    for document, one in ids.items()
                    if one.place in seen and not one.is_deleted and query.matches(one.words)
                }
                for sort in Sort:
                    result = await library.search(str(query), actor, sort=sort)
                    assert {item.document.id for item in result.items} == expected, str(query)
                    assert result.total == len(expected)
                    scores = [item.score for item in result.items]
                    assert sort is Sort.NEWEST or scores == sorted(scores, reverse=True)
        await session.rollback()
