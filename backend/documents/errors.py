"""What can go wrong with documents."""

from backend.core.errors import ConflictError, DomainError, InvalidError, NotFoundError


class DocumentNameTakenError(ConflictError):
    """The folder has a document of this name, in whatever case; `document_id` says which."""

    code = "name_taken"
    title = "The name is taken"


class NameMissingError(InvalidError):
    """A raw upload says its name by `?name=`, a multipart one by its file name."""

    code = "name_missing"
    title = "The upload has no name"


class VersionNotFoundError(NotFoundError):
    """The document has no version of this number."""

    code = "version_not_found"
    title = "No such version"


class RangeNotSatisfiableError(DomainError):
    """No byte of the content is in the range asked for."""

    status = 416
    code = "range_not_satisfiable"
    title = "The range is outside the content"

    @property
    def headers(self) -> dict[str, str]:
        """Tell the true length (RFC 9110, 15.5.17)."""
        return {"Content-Range": f"bytes */{self.data['size']}"}


class FileTypeRefusedError(InvalidError):
    """The organisation takes no files of this type; `type` is what it was known by."""

    code = "file_type_refused"
    title = "Files of this type are not taken"


class QuotaExceededError(DomainError):
    """The content would not fit into what the organisation may store; `quota` and `used` are bytes."""

    status = 507
    code = "quota_exceeded"
    title = "The storage of the organisation is used up"
