"""What happens to documents: reading, changing, uploading, the trash, the state of their text, their blobs.

Other domains import these names from here.
"""

from backend.documents.queries import Reference, Scope
from backend.documents.service.blobs import (
    NamedDocument,
    StoredBlob,
    Totals,
    blobs_after,
    correct_sizes,
    documents_with_blobs,
    hold_blobs,
    name_documents,
    name_versions,
    recorded_digests,
    stored_totals,
)
from backend.documents.service.changing import purge_expired
from backend.documents.service.indexing import (
    VersionContent,
    begin_indexing,
    finish_indexing,
    read_again,
    renew_lease,
    request_indexing,
    request_ocr,
    requeue_lost,
)
from backend.documents.service.progress import count_unread, end_progress, report_progress
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
from backend.documents.service.scanning import (
    SCAN_CHANGED,
    ScannableBlob,
    blobs_to_scan,
    delete_content,
    names_of_content,
    quarantine,
    record_scan,
    release,
    scan_backlog,
)
from backend.documents.service.stored import is_anything_stored

__all__ = [
    "SCAN_CHANGED",
    "NamedDocument",
    "Reference",
    "ScannableBlob",
    "Scope",
    "StoredBlob",
    "Totals",
    "VersionContent",
    "begin_indexing",
    "blobs_after",
    "blobs_to_scan",
    "correct_sizes",
    "count_unread",
    "delete_content",
    "describe",
    "documents_with_blobs",
    "end_progress",
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
    "name_versions",
    "names_of_content",
    "purge_expired",
    "quarantine",
    "read_again",
    "record_scan",
    "record_text_reading",
    "recorded_digests",
    "release",
    "renew_lease",
    "report_progress",
    "request_indexing",
    "request_ocr",
    "requeue_lost",
    "scan_backlog",
    "stored_totals",
]
