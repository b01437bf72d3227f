"""What is said of texts between those who compare them and those who keep what came of it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple


class Compared(NamedTuple):
    """A document and the version of it whose text is meant."""

    document_id: int
    version_id: int


class Candidate(NamedTuple):
    """A document whose text may be nearly the same."""

    document_id: int
    version_id: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands for a text (`worker/nearness.py` makes it)."""

    shingles: int
    digest: bytes
    """Equal where the shingles are."""
    bands: Collection[int]
