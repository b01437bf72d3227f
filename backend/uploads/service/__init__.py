"""What happens to uploads: they are created, receive bytes, become documents, expire."""

from backend.uploads.service.arriving import Arriving
from backend.uploads.service.creating import (
    NewUpload,
    check_files,
    create,
    get_upload,
    read_target,
)
from backend.uploads.service.joining import join
from backend.uploads.service.losing import find_lost
from backend.uploads.service.progress import InProgress, Live
from backend.uploads.service.receiving import (
    Place,
    Reached,
    find_offset,
    find_received,
    receive,
    tell_again,
)
from backend.uploads.service.removing import expire, terminate
from backend.uploads.service.telling import describe, own_uploads

__all__ = [
    "Arriving",
    "InProgress",
    "Live",
    "NewUpload",
    "Place",
    "Reached",
    "check_files",
    "create",
    "describe",
    "expire",
    "find_lost",
    "find_offset",
    "find_received",
    "get_upload",
    "join",
    "own_uploads",
    "read_target",
    "receive",
    "tell_again",
    "terminate",
]
