"""Names that came from elsewhere, made into such as documents and folders may have."""

import unicodedata
from pathlib import PurePath

from backend.core.names import MAX_NAME_LENGTH, InvalidNameError, clean_name

_LONGEST_EXTENSION = 16


def usable_name(name: str, *, otherwise: str) -> str:
    """Return a name as near to this one as there may be; `otherwise` where nothing of it can be used."""
    text = unicodedata.normalize("NFC", name)
    kept = "".join(one if _is_allowed(one) else "_" for one in text)
    kept = _shortened(" ".join(kept.split()))
    try:
        return clean_name(kept)
    except InvalidNameError:
        return otherwise


def storable(text: str | None, *, most: int = 1_000) -> str | None:
    """Return a text as the database can hold it, on one line and not endless."""
    if text is None:
        return None
    text = text.encode("utf-8", "replace").decode()
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:most]


def _is_allowed(character: str) -> bool:
    try:
        clean_name(f"a{character}a")
    except InvalidNameError:
        return character.isspace()
    return True


def _shortened(name: str) -> str:
    """Cut a name in its middle: what it ends in says what it is."""
    if len(name) <= MAX_NAME_LENGTH:
        return name
    extension = PurePath(name).suffix
    if len(extension) > _LONGEST_EXTENSION:
        extension = ""
    return name[: MAX_NAME_LENGTH - len(extension)].rstrip() + extension
