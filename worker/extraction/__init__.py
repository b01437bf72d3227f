"""Text out of documents: a plain library, without Celery, database or store.

Vocabulary: a *format* reads one family of media types; a *source* is the file being read; the *content* is the
text a format hands over; an *OCR engine* turns the picture of a page into words; the *sandbox* is the child process
in which a document that nobody trusts is read. `extract` works in the calling process, `run_bounded` in the sandbox:
workers call the latter.
"""

from backend.content.media_types import HEAD_BYTES, media_type_of
from worker.extraction.extract import extract
from worker.extraction.model import OCR_LIMITS, ExtractionResult, Limits, Recognition, Status
from worker.extraction.sandbox.runner import configure, confinement, run_bounded, shut_down
from worker.extraction.text import language_of

__all__ = [
    "HEAD_BYTES",
    "OCR_LIMITS",
    "ExtractionResult",
    "Limits",
    "Recognition",
    "Status",
    "configure",
    "confinement",
    "extract",
    "language_of",
    "media_type_of",
    "run_bounded",
    "shut_down",
]
