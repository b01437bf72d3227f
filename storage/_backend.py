"""What the store asks of whoever keeps its blobs: five small protocols, and no code of its own.

A *backend* keeps sealed blobs under their names. A *draft* is a blob on its way to a name, an
*output* the way large content goes into it; a *source* is a blob, or a draft, being read. All of
them speak of the bytes of a blob's file as FORMAT.md gives them, however they are kept. They know
no keys. Whatever they raise is an error of ``_errors``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from storage._slots import SlotChange

PlanSlots = Callable[[bytes], SlotChange | None]
"""From a header to what is to change in it, or ``None``."""


class Source(Protocol):
    """The bytes of one blob. One thread at a time."""

    size: int
    """Bytes of the blob's file."""

    def read_into(self, targets: Sequence[bytearray | memoryview], offset: int) -> int:
        """Fill the targets in order, from ``offset`` on; the bytes got, fewer only at the end.

        Raises ``BlobDamagedError`` when the bytes cannot be had any more, or ``OSError``.
        """
        ...

    def is_current(self) -> bool:
        """Whether the blob's name still leads to these very bytes."""
        ...

    def close(self) -> None:
        """Let go of it. May be called again."""
        ...


class Output(Protocol):
    """Appends the bytes of a large blob, in few big pieces."""

    def room(self) -> memoryview:
        """Where the next bytes go; at least as many fit as the draft was asked for."""
        ...

    def advance(self, length: int) -> None:
        """Take over ``length`` bytes that were put into ``room()``."""
        ...

    def append(self, data: bytes) -> None:
        """Take over bytes of any length."""
        ...

    def flush(self) -> None:
        """Pass on what is left. Nothing may be appended afterwards."""
        ...

    def close(self) -> None:
        """Give buffers back; the draft stays. May be called again."""
        ...


class Complete(Protocol):
    """A blob that is whole and durable and has no name yet: settled once."""

    def source(self) -> Source:
        """What was written, to be read back before it gets its name."""
        ...

    def change_slots(self, plan: PlanSlots) -> None:
        """Change the key slots of what was finished, durably, before it gets its name."""
        ...

    def publish(self) -> bool:
        """Give it its name, durably and atomically; false if the name is taken."""
        ...

    def replace(self) -> None:
        """Give it its name, durably and atomically, whoever has that; under ``exclusive``.

        What had the name is destroyed like a deleted blob.
        """
        ...

    def drop(self) -> None:
        """Leave nothing behind, unless it got its name. May be called again."""
        ...


class Draft(Complete, Protocol):
    """A blob on its way to a name: written once, in one of two ways, then settled once."""

    def write(self, data: bytes | bytearray) -> None:
        """The whole of a small blob."""
        ...

    def output(self, room: int) -> Output:
        """The way for a large blob, in bits of at most ``room`` bytes."""
        ...

    def finish(self, digest: bytes) -> None:
        """Make what was written durable; ``digest`` is the name it is meant for."""
        ...


class Backend(Protocol):
    """Keeps blobs by namespace and digest. Threads and processes share what is kept."""

    def draft(self, namespace: str) -> Draft:
        """Start a blob."""
        ...

    def drafts(self, namespace: str) -> Path:
        """The directory for the resumable drafts of a namespace.

        Raises ``StoreUnavailableError`` where the backend was given no place for them.
        """
        ...

    def adopt(self, namespace: str, path: Path, digest: bytes) -> Complete:
        """The blob that a file in ``drafts`` holds, ready for its name; the file stays there."""
        ...

    def open(self, namespace: str, digest: bytes) -> Source:
        """Open a blob. Raises ``BlobNotFoundError``."""
        ...

    def exists(self, namespace: str, digest: bytes) -> bool:
        """Whether the name is taken."""
        ...

    def exclusive(self, namespace: str, digest: bytes) -> AbstractContextManager[None]:
        """Hold a blob against others who would change, replace or remove it, as far as it can."""
        ...

    def change_slots(self, namespace: str, digest: bytes, plan: PlanSlots) -> bool:
        """Change a blob's key slots as planned, under ``exclusive``; false for no change.

        At every moment a slot opens, also after a crash. Raises ``BlobNotFoundError``, and what
        the plan raises.
        """
        ...

    def delete(self, namespace: str, digest: bytes) -> None:
        """Remove a blob and destroy its key slots, under ``exclusive``.

        Raises ``BlobNotFoundError``.
        """
        ...

    def namespaces(self) -> list[str]:
        """The namespaces that hold something, sorted."""
        ...

    def digests(self, namespace: str) -> Iterator[bytes]:
        """The digests of a namespace's blobs, ascending, without all of them in memory."""
        ...

    def entries(self, namespace: str, after: bytes = b"") -> Iterator[tuple[bytes, int]]:
        """The same above a digest, or its first bytes, with the bytes of each blob's file."""
        ...

    def sweep(self, older_than: float) -> int:
        """Remove what writers that died have left, if it is older; seconds. How many."""
        ...

    def probe(self) -> int | None:
        """Write and remove something small; the bytes free, if there is a way to know."""
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...
