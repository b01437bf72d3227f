"""What can go wrong with previews."""

from backend.core.errors import NotFoundError


class NoPreviewError(NotFoundError):
    """The version, or this page of it, cannot be shown; `status` and the detail say why."""

    code = "no_preview"
    title = "There is no preview"


class PageNotFoundError(NotFoundError):
    """The document has no page of this number; `page_count` says how many it has."""

    code = "page_not_found"
    title = "No such page"
