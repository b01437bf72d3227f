"""What a folder or document may be called."""

import unicodedata

from backend.core.errors import InvalidError

MAX_NAME_LENGTH = 255
_LONGEST_EXTENSION = 16
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
        if _is_forbidden(character):
            raise InvalidNameError(f"A name may not contain {character!a}.")
    return cleaned


def usable_name(name: str, *, otherwise: str) -> str:
    """Return a name as near to this one as there may be: `_` for each character that no name may have, and cut.

    `otherwise` is returned where nothing is left of it.
    """
    text = unicodedata.normalize("NFC", name).strip()
    kept = "".join("_" if _is_forbidden(one) else one for one in text)
    if len(kept) > MAX_NAME_LENGTH:
        kept = _with_suffix(*_parts(kept))
    try:
        return clean_name(kept)
    except InvalidNameError:  # nothing but white space, or dots
        return otherwise


def numbered_name(name: str, number: int) -> str:
    """Return `report (2).pdf` for `report.pdf` and 2, within the allowed length."""
    stem, extension = _parts(name)
    return _with_suffix(stem, f" ({number}){extension}")


def _is_forbidden(character: str) -> bool:
    is_listed = character in _FORBIDDEN or character in _BIDI_CONTROLS
    return is_listed or unicodedata.category(character) in _FORBIDDEN_CATEGORIES


def _parts(name: str) -> tuple[str, str]:
    """Return what is before the extension, and the extension with its dot."""
    stem, dot, extension = name.rpartition(".")
    is_extension = bool(stem) and len(extension) <= _LONGEST_EXTENSION
    return (stem, dot + extension) if is_extension else (name, "")


def _with_suffix(stem: str, suffix: str) -> str:
    """Cut a name before its end, which says what it is."""
    return stem[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
