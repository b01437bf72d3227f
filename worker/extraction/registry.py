"""Which format reads which media type. Adding a format is adding one file to `formats/`; nothing here changes.

A format module has `MEDIA_TYPES`, the media types it reads (`text/*` is allowed), and `read(source, context, content)`,
which appends to `content` and raises what `errors.py` offers. The modules are imported on first use: they pull in heavy
libraries.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from worker.extraction import formats
from worker.extraction.reading import Content, Context, Source


class Format(Protocol):
    """What a module in `formats/` offers."""

    MEDIA_TYPES: tuple[str, ...]

    def read(self, source: Source, context: Context, content: Content) -> None:
        """Append the document's text to `content`."""


def format_for(media_type: str) -> Format | None:
    """Give the format that reads a media type; None if there is none."""
    by_type = _formats()
    return by_type.get(media_type) or by_type.get(media_type.partition("/")[0] + "/*")


def load_all() -> None:
    """Import every format now, so that later reads (and forked children) find them ready."""
    _formats()


@cache
def _formats() -> dict[str, Format]:
    names = [module.name for module in pkgutil.iter_modules(formats.__path__)]
    modules = [importlib.import_module(f"{formats.__name__}.{name}") for name in names]
    return {
        media_type: cast("Format", module)
        for module in modules
        for media_type in module.MEDIA_TYPES
    }
