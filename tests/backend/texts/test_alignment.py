"""A corrected text keeps the places of its words, as far as they are the same."""

from hypothesis import given
from hypothesis import strategies as st

from backend.texts.alignment import realign
from backend.texts.pages import Word, pack, unpack

BEFORE = "The lcase ends in Rechtsprechung today"
WORDS = [
    Word(0, 3, 100, 100, 160, 120, 99),
    Word(4, 9, 170, 100, 270, 120, 60),
    Word(10, 14, 280, 100, 360, 120, 99),
    Word(15, 17, 370, 100, 400, 120, 99),
    Word(18, 23, 410, 100, 510, 120, 99),
    Word(23, 32, 100, 130, 280, 150, 99),
    Word(33, 38, 290, 130, 390, 150, 99),
]


def places(after: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(after[word.start : word.end], word[2:6]) for word in realign(BEFORE, WORDS, after)]


def test_what_was_not_changed_keeps_its_place() -> None:
    assert realign(BEFORE, WORDS, BEFORE) == [word._replace(confidence=100) for word in WORDS]


def test_a_corrected_word_stands_where_the_wrong_one_did() -> None:
    assert places(BEFORE.replace("lcase", "lease"))[1] == ("lease", (170, 100, 270, 120))


def test_a_divided_word_keeps_its_parts() -> None:
    found = places("The lease ends in Rechtsprechung today")
    assert ("Recht", (410, 100, 510, 120)) in found
    assert ("sprechung", (100, 130, 280, 150)) in found


def test_words_written_in_one_are_taken_apart() -> None:
    found = places("The lea se ends in Rechtsprechung today")
    assert found[1:3] == [("lea", (170, 100, 230, 120)), ("se", (230, 100, 270, 120))]


def test_words_that_were_torn_are_one() -> None:
    assert places("Thelcase ends in Rechtsprechung today")[0] == ("Thelcase", (100, 100, 270, 120))


def test_an_added_word_stands_by_the_one_before() -> None:
    found = places(BEFORE.replace("ends", "ends early"))
    assert found[3] == ("early", (280, 100, 360, 120))
    assert places("Now " + BEFORE)[0] == ("Now", (100, 100, 160, 120))


def test_nothing_is_nowhere() -> None:
    assert places("") == []
    assert realign("", [], "new words") == []


@given(st.text(alphabet="ab \n", max_size=60))
def test_every_word_has_a_place_and_they_can_be_kept(after: str) -> None:
    words = realign(BEFORE, WORDS, after)
    assert "".join(after[word.start : word.end] for word in words) == "".join(after.split())
    assert unpack(pack(words), len(after)) == words
