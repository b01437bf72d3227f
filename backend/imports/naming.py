"""What names on a disk become here: a disk takes any bytes but two, a document's name is text that people can read."""

from dataclasses import dataclass

from backend.core.names import InvalidNameError, clean_name, usable_name


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
        return clean_name(text) if self.encoding is None else usable_name(text, otherwise="_")
