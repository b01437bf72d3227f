"""Cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.pagination import InvalidCursorError, decode_cursor, encode_cursor


@given(st.text(), st.integers())
def test_a_cursor_holds_its_key(text: str, number: int) -> None:
    assert decode_cursor(encode_cursor(text, number), str, int) == (text, number)


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!", encode_cursor("a"), encode_cursor(1, "a"), encode_cursor({}), "é"]
)
def test_what_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor(cursor, str, int)
