"""Wire shapes of previews."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.previews.models import PreviewStatus, Size

_EXAMPLE: dict[str, Any] = {
    "version": 2,
    "status": "ready",
    "detail": None,
    "page_count": 2,
    "pages": [
        {"number": 1, "width": 595, "height": 842},
        {"number": 2, "width": 842, "height": 595},
    ],
    "widths": {"thumbnail": 320, "medium": 1000, "large": 2000},
}


class SheetOut(BaseModel):
    """A page as it lies on the desk: its picture has the same proportions."""

    number: int
    width: int = Field(description="In units of the document's own: only the ratio counts.")
    height: int


class WidthsOut(BaseModel):
    """How many pixels wide a picture of each size may be."""

    thumbnail: int = Size.THUMBNAIL.width
    medium: int = Size.MEDIUM.width
    large: int = Size.LARGE.width


class PreviewPagesOut(BaseModel):
    """The pages of a version, and how far their pictures are."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    version: int = Field(description="The version's number.")
    status: PreviewStatus
    detail: str | None = Field(description="Why there is nothing to see, for a person.")
    page_count: int | None
    pages: list[SheetOut]
    widths: WidthsOut


class WaitingOut(BaseModel):
    """The picture is being made; ask again."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "drawing"}})

    status: PreviewStatus
