import numpy as np

from worker.extraction.ocr.layout import Line, arrange, text_of


def line(
    text: str, left: float, top: float, width: float = 300, height: float = 20, angle: float = 0
) -> Line:
    corners = np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
    )
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return Line(text, (corners @ turn).astype(np.float32), [])


def test_nothing_is_nothing() -> None:
    assert text_of(arrange([])) == ""


def test_lines_go_from_top_to_bottom_and_blocks_are_apart() -> None:
    lines = [line("c", 0, 200), line("a", 0, 0), line("b", 0, 28)]

    assert text_of(arrange(lines)) == "a\nb\n\nc"


def test_parts_of_one_row_go_from_left_to_right() -> None:
    assert text_of(arrange([line("right", 400, 3, 60), line("left", 0, 0, 60)])) == "left right"


def test_columns_under_a_headline() -> None:
    lines = [line("Headline", 0, 0, 700)]
    lines += [line(f"l{row}", 0, 60 + row * 25) for row in range(4)]
    lines += [line(f"r{row}", 400, 60 + row * 25) for row in range(4)]

    assert text_of(arrange(lines)) == "Headline\n\nl0\nl1\nl2\nl3\n\nr0\nr1\nr2\nr3"


def test_skewed_rows_are_one_row() -> None:
    lines = [
        line(word, 320 * column, 30 * row, angle=0.1)
        for row in range(3)
        for column, word in enumerate("ab")
    ]

    assert text_of(arrange(lines)) == "a b\na b\na b"


def test_short_lines_do_not_tell_the_skew() -> None:
    """Each box of a few letters leans a little; over the width of a page that would be rows."""
    lines = [line("The", 0, 0, 60, 30, 0.05), line("fox", 2200, 0, 60, 30)]

    assert text_of(arrange(lines)) == "The fox"
