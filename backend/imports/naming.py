"""What names on a disk become here: a disk takes any bytes but two, a document's name is text that people can read."""

from dataclasses import dataclass
from unicodedata import normalize

from backend.core.names import MAX_NAME_LENGTH, InvalidNameError, clean_name

_SUBSTITUTE = "_"
_LONGEST_EXTENSION = 16


def shown(path: bytes) -> str:
    """Return a path for a person: what is no text in it, or would move the cursor, is written out as `\\xff`."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


@dataclass(frozen=True, slots=True)
class Naming:
    """How names are read: as they are, or mended, in this encoding where they are no UTF-8."""

    encoding: str | None = None

    def name(self, raw: bytes) -> str:
        """Return what something is to be called here.

        Raises:
            InvalidNameError: it cannot be called so.
        """
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            if self.encoding is None:
                raise InvalidNameError("Its name is no text in UTF-8.") from None
            text = raw.decode(self.encoding, "replace")
        return clean_name(text) if self.encoding is None else _mended(text)


def _mended(text: str) -> str:
    """Return a name that can be: characters that no name may have are replaced, and it is cut before its extension."""
    kept = "".join(one if _is_allowed(one) else _SUBSTITUTE for one in normalize("NFC", text))
    stem, dot, extension = kept.rpartition(".")
    if len(kept) > MAX_NAME_LENGTH:
        if not stem or len(extension) > _LONGEST_EXTENSION:
            stem, dot, extension = kept, "", ""
        kept = stem[: MAX_NAME_LENGTH - len(dot + extension)] + dot + extension
    try:
        return clean_name(kept)
    except InvalidNameError:  # nothing but white space, or dots
        return _SUBSTITUTE


def _is_allowed(character: str) -> bool:
    try:
        clean_name(f"a{character}a")
    except InvalidNameError:
        return False
    return True
