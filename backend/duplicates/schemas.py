"""Wire shapes of duplicates."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from backend.documents.schemas import DocumentOut, SameContent

_DOCUMENT = cast("dict[str, Any]", DocumentOut.model_config)["json_schema_extra"]["example"]
_SAME = cast("dict[str, Any]", SameContent.model_config)["json_schema_extra"]["example"]
_SIMILARITY = "The share of the runs of three words in either text that is in both."


class SimilarDocument(BaseModel):
    """A document with nearly the same text as another."""

    document: DocumentOut
    similarity: float = Field(ge=0, le=1, description=_SIMILARITY)


class RelatedOut(BaseModel):
    """What resembles a document, of what the caller may read."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "same_content": [_SAME],
                "similar_text": [{"document": _DOCUMENT, "similarity": 0.94}],
            }
        }
    )

    same_content: list[SameContent] = Field(description="A version of them has the same bytes.")
    similar_text: list[SimilarDocument] = Field(
        description="Their text is nearly the same; most alike first."
    )


class DuplicateGroup(BaseModel):
    """Documents with nearly the same text: each is paired with another of the group."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "documents": [_DOCUMENT],
                "total": 2,
                "total_is_lower_bound": False,
                "least_similarity": 0.91,
                "greatest_similarity": 0.99,
            }
        }
    )

    documents: list[DocumentOut] = Field(description="The first of them, oldest first.")
    total: int = Field(description="How many there are that the caller may read.")
    total_is_lower_bound: bool = Field(description="Whether there may be more than were counted.")
    least_similarity: float = Field(description=f"Of the pairs in the group. {_SIMILARITY}")
    greatest_similarity: float
