"""Which blobs belong to a sample: told by the digest alone, so that it is the same on every machine.

Digests are spread evenly over a circle of a million slots. A sample is an arc of it; the seed says which: arcs of
consecutive seeds join without a gap, so that as many samples as make up 100 % have opened every blob.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

SLOTS = 1_000_000
_TAIL = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of all blobs: how many in a million, and which ones."""

    ppm: int
    seed: int

    def includes(self, digest: bytes) -> bool:
        """Whether the blob of this digest belongs to it."""
        # The shards go by the first bytes: the last ones spread a sample over all of them.
        position = int.from_bytes(digest[-_TAIL:])
        return (position - self.seed * self.ppm) % SLOTS < self.ppm

    @property
    def rounds(self) -> int:
        """How many samples of consecutive seeds cover everything."""
        return -(-SLOTS // self.ppm)


def parse_percentage(text: str) -> int:
    """Return the parts per million of a percentage such as `5%` or `0.5`.

    Raises:
        ValueError: it is none, not above 0.0001, or not below 100.
    """
    try:
        ppm = int(Decimal(text.strip().removesuffix("%").strip()) * (SLOTS // 100))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no percentage") from error
    if not 0 < ppm < SLOTS:
        raise ValueError(f"{text} is not between 0.0001 % and 100 %")
    return ppm
