"""What can go wrong with resumable uploads, beside what can with any."""

from backend.core.errors import ConflictError, DomainError, InvalidError

VERSION = "1.0.0"
"""The version of the protocol."""


class UnsupportedProtocolError(DomainError):
    """The request speaks no version of the protocol that we do."""

    status = 412
    code = "tus_version_unsupported"
    title = "Another version of the upload protocol"

    @property
    def headers(self) -> dict[str, str]:
        """Tell the version there is."""
        return {"Tus-Version": VERSION}


class UploadOffsetError(ConflictError):
    """The bytes sent do not begin where the upload ends; `offset` is where."""

    code = "upload_offset_mismatch"
    title = "The upload goes on elsewhere"


class UploadGoneError(DomainError):
    """The upload expired, or was refused for good: `reason` says why."""

    status = 410
    code = "upload_gone"
    title = "The upload is over"


class UploadContentTypeError(DomainError):
    """The bytes of an upload are sent as `application/offset+octet-stream`."""

    status = 415
    code = "upload_content_type"
    title = "Not the type of an upload's bytes"


class ChecksumMismatchError(DomainError):
    """What arrived is not what the checksum was made of; it was discarded."""

    status = 460
    code = "checksum_mismatch"
    title = "The checksum does not match"


class UploadHeaderError(DomainError):
    """A header of the protocol is missing or malformed."""

    status = 400
    code = "upload_header"
    title = "A header of the upload cannot be understood"


class UploadMetadataError(InvalidError):
    """`Upload-Metadata` lacks what says where the upload is to go, or has a value that cannot be."""

    code = "upload_metadata"
    title = "The upload's metadata cannot be used"


class UploadExceededError(DomainError):
    """More bytes came than the upload was said to have."""

    status = 413
    code = "upload_exceeded"
    title = "More bytes than the upload has"


class UploadUnfinishedError(ConflictError):
    """The upload, or one of its parts, has not all of its bytes."""

    code = "upload_unfinished"
    title = "Bytes are missing"


class DigestMismatchError(InvalidError):
    """The content is not what the `sha256` of its metadata says; nothing was stored."""

    code = "digest_mismatch"
    title = "The content is not what was announced"
