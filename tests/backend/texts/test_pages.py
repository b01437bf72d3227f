"""The places of words: packing, and finding them in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.texts.pages import PageText, Placed, Word, locate, pack, unpack

BOX = (100, 200, 300, 250)


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[Word], int]:
    words, at = [], 0
    for gap, size, left, top, width, height, sure in draw(
        st.lists(
            st.tuples(
                st.integers(0, 70),
                st.integers(1, 400),
                st.integers(0, 10_000),
                st.integers(0, 10_000),
                st.integers(0, 10_000),
                st.integers(0, 10_000),
                st.integers(0, 100),
            ),
            max_size=60,
        )
    ):
        start, at = at + gap, at + gap + size
        right, bottom = min(10_000, left + width), min(10_000, top + height)
        words.append(Word(start, at, left, top, right, bottom, sure))
    return words, at


@given(pages())
def test_what_was_packed_is_unpacked(page: tuple[list[Word], int]) -> None:
    words, length = page
    assert unpack(pack(words), length) == words


def test_a_page_takes_little() -> None:
    """Five bytes a word, on a page as dense as pages are."""
    words = [
        Word(at * 7, at * 7 + 6, left, line * 150, left + 520, line * 150 + 110, 99)
        for at, (line, left) in enumerate(
            (line, 800 + column * 600 + (line * column) % 37)
            for line in range(50)
            for column in range(12)
        )
    ]
    assert len(pack(words)) < len(words) * 5


@given(st.binary(max_size=400), st.integers(0, 50))
def test_bytes_of_others_are_refused_or_are_words(data: bytes, length: int) -> None:
    for given_bytes in (data, b"\x01" + data):
        try:
            words = unpack(given_bytes, length)
        except ValueError:
            continue
        assert all(word.end <= length for word in words)


def test_words_outside_the_text_are_refused() -> None:
    packed = pack([Word(0, 5, *BOX, 100)])
    assert unpack(packed, 5)
    with pytest.raises(ValueError, match="outside"):
        unpack(packed, 4)


def test_a_bomb_is_not_inflated() -> None:
    import zlib

    with pytest.raises(ValueError, match="length"):
        unpack(b"\x01" + zlib.compress(bytes(50 << 20)), 10)


def test_words_find_their_places_in_the_text() -> None:
    text = "The Rechtsprechung of the  courts\nends"
    placed = [
        Placed(word, BOX)
        for word in ("The", "Recht", "sprechung", "of", "gone", "the", "courts", "ends")
    ]
    words = locate(text, placed)
    assert [text[word.start : word.end] for word in words] == [
        "The", "Recht", "sprechung", "of", "the", "courts", "ends",
    ]  # fmt: skip
    assert words[1].end == words[2].start


def test_boxes_are_kept_on_the_page() -> None:
    [word] = locate("a", [Placed("a", (-5, 12_000, 20_000, 11_000), 140)])
    assert word == Word(0, 1, 0, 10_000, 10_000, 10_000, 100)


def test_a_page_goes_over_the_wire() -> None:
    page = PageText(
        3, "word", pack([Word(0, 4, *BOX, 77)]), width=595.2, height=841.8, confidence=0.77
    )
    assert PageText.from_json(page.to_json()) == page


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": "1"},
        {"text": None},
        {"rotation": 45},
        {"status": "done"},
        {"source": "nobody"},
        {"words": "!"},
        {"words": "AQ=="},
        {"width": "wide"},
    ],
    ids=str,
)
def test_a_page_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        PageText.from_json(PageText(1, "word").to_json() | change)
