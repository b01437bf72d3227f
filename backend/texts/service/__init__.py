"""What happens to text layers: reading, correcting, restoring, recognition.

Other domains import these names from here.
"""

from backend.texts.service.recognising import (
    Batch,
    Progress,
    Reading,
    languages_of,
    next_batch,
    progress,
    publish,
    record_pages,
    record_reading,
    text_of_pages,
)
from backend.texts.service.showing import record_shown

__all__ = [
    "Batch",
    "Progress",
    "Reading",
    "languages_of",
    "next_batch",
    "progress",
    "publish",
    "record_pages",
    "record_reading",
    "record_shown",
    "text_of_pages",
]
