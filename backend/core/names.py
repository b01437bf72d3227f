"""What a folder or document may be called."""

import unicodedata

from backend.core.errors import InvalidError

MAX_NAME_LENGTH = 255
_FORBIDDEN = frozenset("/\\")
# Control characters, line separators, and the marks that make "cod.exe" read as "exe.doc".
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidNameError(InvalidError):
    """The name cannot be used."""

    code = "invalid_name"
    title = "Invalid name"


def clean_name(name: str) -> str:
    """Return the name as it is kept: NFC, without surrounding white space.

    Raises:
        InvalidNameError: it is empty, too long, `.` or `..`, or has a character that no name may have.
    """
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned or cleaned in {".", ".."}:
        raise InvalidNameError("A name must have at least one visible character.")
    if len(cleaned) > MAX_NAME_LENGTH:
        raise InvalidNameError(
            f"A name may have at most {MAX_NAME_LENGTH} characters; this has {len(cleaned)}."
        )
    for character in cleaned:
        forbidden = character in _FORBIDDEN or character in _BIDI_CONTROLS
        if forbidden or unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            raise InvalidNameError(f"A name may not contain {character!a}.")
    return cleaned


def numbered_name(name: str, number: int) -> str:
    """Return `report (2).pdf` for `report.pdf` and 2, within the allowed length."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 16:
        stem, dot, extension = name, "", ""
    suffix = f" ({number}){dot}{extension}"
    return stem[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
