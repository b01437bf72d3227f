"""What can go wrong with content on its way in or out."""

from backend.core.errors import DomainError, UnavailableError


class VirusFoundError(DomainError):
    """The scanner recognised malware."""

    status = 400
    code = "virus_found"
    title = "Security alert: the file contains malware"


class ScannerUnavailableError(UnavailableError):
    """Every upload must be scanned, and the scanner did not scan this one."""

    code = "scanner_unavailable"
    title = "The file could not be scanned"
    retry_after = 30


class UploadTooLargeError(DomainError):
    """The content is larger than uploads may be."""

    status = 413
    code = "upload_too_large"
    title = "The file is too large"


class UploadIncompleteError(DomainError):
    """The connection ended, or the body was malformed, before the content was whole."""

    status = 400
    code = "upload_incomplete"
    title = "The upload did not arrive whole"


class StorageFullError(DomainError):
    """The disk that holds the store is full."""

    status = 507
    code = "insufficient_storage"
    title = "The storage is full"


class StorageUnavailableError(UnavailableError):
    """The store does not answer: its disk or its object storage."""

    code = "storage_unavailable"
    title = "The storage does not answer"
    retry_after = 10


class ContentDamagedError(DomainError):
    """What the store holds is not what was put there."""

    status = 500
    code = "content_damaged"
    title = "The stored content is damaged"


class DraftBusyError(DomainError):
    """Another request is writing the same upload."""

    status = 423
    code = "upload_locked"
    title = "The upload is being written by another request"
    retry_after = 1


class DraftLostError(DomainError):
    """What was received of an upload cannot be opened any more."""

    status = 410
    code = "upload_lost"
    title = "What was received is lost"
