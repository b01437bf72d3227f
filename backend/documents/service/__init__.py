"""What happens to documents: reading, changing, uploading, the trash, the state of their text.

Other domains import these names from here.
"""

from backend.documents.service.changing import purge_expired
from backend.documents.service.indexing import (
    VersionContent,
    begin_indexing,
    finish_indexing,
    renew_lease,
    request_indexing,
    request_ocr,
    requeue_lost,
)
from backend.documents.service.reading import (
    describe,
    get_content,
    get_document,
    get_version,
    list_folder,
    list_recent,
    list_versions,
    load_documents,
)
from backend.documents.service.stored import is_anything_stored

__all__ = [
    "VersionContent",
    "begin_indexing",
    "describe",
    "finish_indexing",
    "get_content",
    "get_document",
    "get_version",
    "is_anything_stored",
    "list_folder",
    "list_recent",
    "list_versions",
    "load_documents",
    "purge_expired",
    "renew_lease",
    "request_indexing",
    "request_ocr",
    "requeue_lost",
]
