"""Names and texts that came from elsewhere, made into such as documents, folders and the database may have."""

from backend.core.names import usable_name


def one_line_name(name: str, *, otherwise: str) -> str:
    """Return a name as near to this one as there may be, on one line; `otherwise` where nothing of it can be used."""
    return usable_name(" ".join(name.split()), otherwise=otherwise)


def storable(text: str | None, *, most: int = 1_000) -> str | None:
    """Return a text as the database can hold it, on one line and not endless."""
    if text is None:
        return None
    text = text.encode("utf-8", "replace").decode()
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:most]
