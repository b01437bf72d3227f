"""What happens to previews: people look at them, workers make them.

Other domains import these names from here.
"""

from backend.previews.service.looking import (
    PictureRef,
    Waiting,
    find_picture,
    list_pages,
    record_looking,
    request_preview,
)
from backend.previews.service.making import (
    LEASE,
    Drawn,
    PageSource,
    begin_pages,
    begin_preview,
    converted_to,
    documents_with_blobs,
    finish_pages,
    finish_preview,
    renew_lease,
    requeue_lost,
    tell_readers,
)

__all__ = [
    "LEASE",
    "Drawn",
    "PageSource",
    "PictureRef",
    "Waiting",
    "begin_pages",
    "begin_preview",
    "converted_to",
    "documents_with_blobs",
    "find_picture",
    "finish_pages",
    "finish_preview",
    "list_pages",
    "record_looking",
    "renew_lease",
    "request_preview",
    "requeue_lost",
    "tell_readers",
]
