"""What happens to documents: reading, changing, uploading, the trash, the state of their text, their blobs.

Other domains import these names from here.
"""

from backend.documents.service.blobs import (
    NamedDocument,
    StoredBlob,
    Totals,
    blobs_after,
    correct_sizes,
    documents_with_blobs,
    hold_blobs,
    name_documents,
    recorded_digests,
    stored_totals,
)
from backend.documents.service.changing import purge_expired
from backend.documents.service.holders import describe_upload, same_content
from backend.documents.service.indexing import (
    VersionContent,
    begin_indexing,
    finish_indexing,
    renew_lease,
    request_indexing,
    request_ocr,
    requeue_lost,
)
from backend.documents.service.limits import count_usage
from backend.documents.service.reading import (
    describe,
    get_content,
    get_document,
    get_version,
    is_hidden,
    list_folder,
    list_recent,
    list_versions,
    load_documents,
    record_text_reading,
)
from backend.documents.service.stored import is_anything_stored

__all__ = [
    "NamedDocument",
    "StoredBlob",
    "Totals",
    "VersionContent",
    "begin_indexing",
    "blobs_after",
    "correct_sizes",
    "count_usage",
    "describe",
    "describe_upload",
    "documents_with_blobs",
    "finish_indexing",
    "get_content",
    "get_document",
    "get_version",
    "hold_blobs",
    "is_anything_stored",
    "is_hidden",
    "list_folder",
    "list_recent",
    "list_versions",
    "load_documents",
    "name_documents",
    "purge_expired",
    "record_text_reading",
    "recorded_digests",
    "renew_lease",
    "request_indexing",
    "request_ocr",
    "requeue_lost",
    "same_content",
    "stored_totals",
]
