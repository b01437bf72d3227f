"""Wire shapes of text layers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from backend.documents.schemas import PersonRef
from backend.texts.models import LayerKind
from backend.texts.pages import PageSource, PageStatus

MAX_PAGE_CHARACTERS = 500_000
MAX_CORRECTED_PAGES = 200
MAX_LANGUAGES = 8

_PAGE: dict[str, JsonValue] = {
    "number": 1,
    "status": "read",
    "reason": "",
    "source": "ocr",
    "engine": "rapidocr",
    "layer": 1,
    "width": 595.3,
    "height": 841.9,
    "rotation": 0,
    "confidence": 0.982,
    "is_waiting": False,
}


class PageOut(BaseModel):
    """What is known of a page beside its text."""

    model_config = ConfigDict(json_schema_extra={"example": {**_PAGE, "hits": None}})

    number: int = Field(description="From 1.")
    status: PageStatus
    reason: str = Field(description="Why it could not be read, or what of it was left out.")
    source: PageSource
    engine: str = Field(description="Names of what read it, such as `pdfium` or `rapidocr`.")
    layer: int = Field(
        description="The text layer this is from; 0 for a page that was made to be looked at."
    )
    width: float | None = Field(
        description="As it is displayed: points of a PDF, pixels of a picture. Null where a page has no size, like a "
        "sheet: its words have no places."
    )
    height: float | None
    rotation: int = Field(
        description="Degrees clockwise by which its picture has to be turned to be upright."
    )
    confidence: float | None = Field(
        description="How sure recognition was of its words, 0 to 1; null where none was recognised."
    )
    is_waiting: bool = Field(
        description="Whether it is going to be recognised, once more or at all."
    )
    hits: int | None = Field(
        default=None, description="How often `q` is found on it; null without `q`."
    )


class BeyondOut(BaseModel):
    """What a search finds in text that is on no page: of files inside the document, of notes, of values of a form."""

    model_config = ConfigDict(json_schema_extra={"example": {"hits": 3, "files": ["invoice.xml"]}})

    hits: int
    files: list[str] = Field(
        description="The names of the files they are in, as far as these have names."
    )


class PagesOut(BaseModel):
    """The pages of a version."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": 2,
                "layer": 1,
                "pages": [{**_PAGE, "hits": None}],
                "waiting": 0,
                "failed": 0,
                "beyond": None,
            }
        }
    )

    version: int = Field(description="The version's number.")
    layer: int = Field(description="The newest text layer; 0 where nothing was read yet.")
    pages: list[PageOut] = Field(
        description="By number; none for documents without pages, and before they were read."
    )
    waiting: int = Field(description="How many pages are going to be recognised.")
    failed: int = Field(description="How many pages could not be read.")
    beyond: BeyondOut | None = Field(
        default=None,
        description="What `q` finds beside the pages, where it is on none of them; else null.",
    )


class WordOut(BaseModel):
    """A word and where it stands."""

    text: str
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom in shares of the page's width and height as it is displayed, 0 to 1."
    )
    confidence: float = Field(description="0 to 1; 1 where nothing had to be recognised.")
    is_divided: bool = Field(
        description="Whether it goes on in the next word of the list: it was hyphenated."
    )


class WordsOut(BaseModel):
    """The words of a page."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": 2,
                **_PAGE,
                "words": [
                    {
                        "text": "Lease",
                        "box": [0.118, 0.094, 0.192, 0.112],
                        "confidence": 0.99,
                        "is_divided": False,
                    }
                ],
                "hits": [[0]],
            }
        }
    )

    version: int
    number: int
    status: PageStatus
    source: PageSource
    layer: int
    width: float | None
    height: float | None
    rotation: int
    words: list[WordOut] = Field(description="In the order of the text.")
    hits: list[list[int]] = Field(
        description="What `q` finds, each as the places of its words in `words`, from 0: one of a word, several of a "
        "phrase. Found as the search finds it."
    )


class PageTextOut(BaseModel):
    """The text of a page."""

    number: int
    text: str
    status: PageStatus
    reason: str
    source: PageSource
    confidence: float | None
    layer: int


class TextOut(BaseModel):
    """What was read out of a version."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "text": "The lease ends on 31 March.",
                "page_count": 3,
                "language": "en",
                "engine": "pdfium",
                "truncated": False,
                "version": 2,
                "layer": 1,
                "etag": '"2.1"',
                "pages": [
                    {
                        "number": 1,
                        "text": "The lease ends on 31 March.",
                        "status": "read",
                        "reason": "",
                        "source": "file",
                        "confidence": None,
                        "layer": 1,
                    }
                ],
            }
        }
    )

    text: str = Field(description="All of it, as it is searched.")
    page_count: int | None
    language: str | None = Field(description="ISO 639-1; null where it could not be told.")
    engine: str
    truncated: bool = Field(
        description="Whether there is more in the document than was read or can be searched."
    )
    version: int = Field(description="The version's number.")
    layer: int = Field(description="The newest text layer that this takes into account.")
    etag: str = Field(description="What a correction based on this gives as If-Match.")
    pages: list[PageTextOut] = Field(description="Page by page; none for documents without pages.")


class PageCorrection(BaseModel):
    """What stands on a page."""

    number: int = Field(ge=1, le=2**31 - 1)
    text: str = Field(max_length=MAX_PAGE_CHARACTERS)


class TextCorrection(BaseModel):
    """What a person says stands on pages of a document."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "pages": [{"number": 1, "text": "The lease ends on 31 March."}],
                "comment": "The date was misread.",
            }
        }
    )

    pages: list[PageCorrection] = Field(min_length=1, max_length=MAX_CORRECTED_PAGES)
    comment: str | None = Field(default=None, max_length=1_000)


class LayerOut(BaseModel):
    """A text layer: what was read or corrected in one go."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "number": 1,
                "kind": "reading",
                "created_at": "2026-03-01T09:00:00Z",
                "created_by": None,
                "comment": None,
                "engines": ["rapidocr"],
                "languages": ["en", "de"],
                "pages": [1, 2, 3],
                "waiting": 0,
                "failed": 0,
                "confidence": 0.982,
                "restored_from": None,
            }
        }
    )

    number: int
    kind: LayerKind
    created_at: datetime
    created_by: PersonRef | None = Field(
        description="Who corrected or restored, or asked for the reading; null for what is read by itself."
    )
    comment: str | None
    engines: list[str]
    languages: list[str] = Field(description="What recognition was told to expect.")
    pages: list[int] = Field(description="The pages it says something of.")
    waiting: int
    failed: int
    confidence: float | None
    restored_from: int | None


LanguageCode = Annotated[str, StringConstraints(pattern="^[a-z]{2,3}$")]
Languages = Annotated[
    list[LanguageCode],
    Field(max_length=MAX_LANGUAGES, description="ISO 639-1 codes, the most frequent first."),
]


class OcrRequest(BaseModel):
    """What is to be recognised once more."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "pages": [2, 3],
                "languages": ["de", "en"],
                "engine": None,
                "replace_corrections": False,
            }
        }
    )

    pages: (
        Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2_000)] | None
    ) = Field(default=None, description="The pages; null for all.")
    languages: Languages | None = Field(
        default=None, description="What they are written in; null for the organisation's languages."
    )
    engine: str | None = Field(
        default=None,
        pattern="^(rapidocr|tesseract|paddleocr)$",
        description="What reads them; null for the engine that suits the languages.",
    )
    replace_corrections: bool = Field(
        default=False, description="Whether pages are read anew that a person has corrected."
    )


class OcrAccepted(BaseModel):
    """What is going to be recognised."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"layer": 3, "pages": [2], "left_alone": [3]}}
    )

    layer: int | None = Field(
        description="The layer it goes to; null where nothing was left to do."
    )
    pages: list[int]
    left_alone: list[int] = Field(description="Pages that a person has corrected.")


class TextSettingsIn(BaseModel):
    """What an organisation says of its scans."""

    model_config = ConfigDict(json_schema_extra={"example": {"languages": ["de", "en"]}})

    languages: Languages


class TextSettingsOut(BaseModel):
    """What an organisation says of its scans, and what can be said."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"languages": ["de", "en"], "readable": ["ar", "de", "en", "ru"]}
        }
    )

    languages: Languages
    readable: list[str] = Field(description="Every language that an engine reads.")
