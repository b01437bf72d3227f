"""Wire shapes of search."""

from enum import StrEnum
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from backend.documents.schemas import DocumentOut
from backend.folders.schemas import FolderRef

MAX_QUERY_LENGTH = 1_000

_DOCUMENT_EXAMPLE = cast("dict[str, Any]", DocumentOut.model_config)["json_schema_extra"]["example"]


class Sort(StrEnum):
    """What search results are sorted by."""

    RELEVANCE = "relevance"
    NEWEST = "newest"


class SearchItem(BaseModel):
    """A document found."""

    document: DocumentOut
    snippet: str = Field(
        description="Plain text around the hits, each between U+0002 and U+0003; the beginning of the text where only "
        "the name matches; empty without text. Never HTML."
    )
    score: float = Field(
        description="Comparable within one page only: the next may be scored in another way."
    )
    matched: Literal["text", "name"] = Field(
        description="`name` where the words are in the name, or it resembles them."
    )


class FacetValue(BaseModel):
    """How many of the matches have a value."""

    value: str
    count: int


class Facets(BaseModel):
    """The values that would narrow the search, most frequent first."""

    type: list[FacetValue] = []
    tag: list[FacetValue] = []


class SearchResult(BaseModel):
    """A page of what was found."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "items": [
                    {
                        "document": _DOCUMENT_EXAMPLE,
                        "snippet": "The \u0002lease\u0003 ends on 31 March.",
                        "score": 1.0607,
                        "matched": "text",
                    }
                ],
                "total": 1,
                "total_is_estimate": False,
                "facets": {
                    "type": [{"value": "pdf", "count": 1}],
                    "tag": [{"value": "lease", "count": 1}],
                },
                "facets_are_estimates": False,
                "next_cursor": None,
            }
        }
    )

    items: list[SearchItem]
    total: int = Field(description="How many documents match: exactly, or as estimated.")
    total_is_estimate: bool
    facets: Facets = Field(description="With the first page only.")
    facets_are_estimates: bool
    next_cursor: str | None = None


class Suggestion(BaseModel):
    """A document whose name resembles what is being typed."""

    document_id: int
    name: str
    folder_id: int
    ancestors: list[FolderRef] = Field(description="From the cabinet down to its folder.")


class Suggestions(BaseModel):
    """Names for what is being typed, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "items": [
                    {
                        "document_id": 45,
                        "name": "Lease.pdf",
                        "folder_id": 12,
                        "ancestors": [{"id": 5, "name": "Legal", "kind": "cabinet"}],
                    }
                ]
            }
        }
    )

    items: list[Suggestion]
