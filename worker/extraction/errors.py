"""Why a document could not be read, as exceptions that carry a sentence for a person.

    ExtractionError
    ├── Encrypted      a password is needed
    ├── Damaged        broken, or not what it claims to be
    ├── Unsupported    no format of ours reads it
    └── LimitReached   it asks for more than the limits allow

`OcrUnavailable` is apart: the document is fine, the engine is not; `OcrEnded` where there is no engine any more.
"""

from __future__ import annotations

from typing import ClassVar

from worker.extraction.model import Status


class ExtractionError(Exception):
    """A document could not be read; `str()` is the sentence, `status` the class of it."""

    status: ClassVar[Status] = "failed"


class Encrypted(ExtractionError):  # noqa: N818 - the domain's word; an adjective says it best
    """A password is needed."""

    status = "encrypted"


class Damaged(ExtractionError):  # noqa: N818
    """The file is broken or is not what it claims to be."""

    status = "damaged"


class Unsupported(ExtractionError):  # noqa: N818
    """No format of ours reads this."""

    status = "unsupported"


class LimitReached(ExtractionError):  # noqa: N818
    """The document asks for more than the limits allow."""


class OcrUnavailable(Exception):  # noqa: N818
    """The OCR engine broke or was stopped in the middle of a page."""


class OcrEnded(OcrUnavailable):
    """The process that recognises is gone: nothing can be recognised until there is another."""
