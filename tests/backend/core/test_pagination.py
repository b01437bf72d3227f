"""Cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.pagination import (
    InvalidCursorError,
    decode_cursor,
    decode_ids,
    encode_cursor,
    encode_ids,
)


@given(st.text(), st.integers())
def test_a_cursor_holds_its_key(text: str, number: int) -> None:
    assert decode_cursor(encode_cursor(text, number), str, int) == (text, number)


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!", encode_cursor("a"), encode_cursor(1, "a"), encode_cursor({}), "é"]
)
def test_what_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor(cursor, str, int)


@given(st.sets(st.integers(0, 2**63 - 1)))
def test_ids_come_back_in_order(ids: set[int]) -> None:
    assert decode_ids(encode_ids(ids)) == tuple(sorted(ids))


@pytest.mark.parametrize("encoded", ["x", "1..-2", "1 2", "8000000000000000", "1.7fffffffffffffff"])
def test_what_is_no_id_is_refused(encoded: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_ids(encoded)


def test_many_ids_go_into_a_cursor() -> None:
    ids = range(10**9, 10**10, 9 * 10**9 // 150)
    assert len(ids) == 150
    assert len(encode_cursor(encode_ids(ids))) < 1_800
