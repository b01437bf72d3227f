"""What a folder or document may be called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.names import (
    MAX_NAME_LENGTH,
    InvalidNameError,
    clean_name,
    numbered_name,
    usable_name,
)


def test_a_name_is_kept_composed_and_trimmed() -> None:
    assert clean_name("  Bu\u0308ro.txt ") == "Büro.txt"


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "a\\b", "a\nb", "a\u2028b", "x\u202etxt.exe", "x" * 256]
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        clean_name(name)


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("report.pdf", 2, "report (2).pdf"),
        ("README", 1, "README (1)"),
        (".profile", 1, ".profile (1)"),
        ("archive.tar.gz", 3, "archive.tar (3).gz"),
        (
            "a sentence. With an end that is no extension",
            1,
            "a sentence. With an end that is no extension (1)",
        ),
    ],
)
def test_numbered_names(name: str, number: int, expected: str) -> None:
    assert numbered_name(name, number) == expected


@given(st.text(min_size=1, max_size=MAX_NAME_LENGTH), st.integers(min_value=1, max_value=10_000))
def test_a_numbered_name_is_never_too_long(name: str, number: int) -> None:
    assert len(numbered_name(name, number)) <= MAX_NAME_LENGTH


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("a/b\\c\n.pdf", "a_b_c_.pdf"),
        ("cod\u202eexe.doc", "cod_exe.doc"),
        ("..", "file"),
        (" \t ", "file"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("x" * 300 + "." + "y" * 20, "x" * 255),
    ],
)
def test_what_a_name_from_elsewhere_becomes(name: str, expected: str) -> None:
    assert usable_name(name, otherwise="file") == expected
