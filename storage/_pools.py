"""Buffers and codec contexts that are used again and again.

Fresh half-megabyte buffers cost more in page faults than the cipher that fills them, and a
zstd context costs more to make than a small file to compress. Nothing here knows the format.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recycler(Generic[T]):
    """A last-in first-out stock of interchangeable objects, safe between threads."""

    def __init__(self, make: Callable[[], T], *, keep: int) -> None:
        self._make = make
        self._keep = keep
        self._stock: deque[T] = deque()

    def take(self) -> T:
        """One from the stock, or a new one."""
        try:
            return self._stock.pop()
        except IndexError:
            return self._make()

    def give(self, item: T) -> None:
        """Put one back; beyond ``keep`` idle ones it is dropped."""
        if len(self._stock) < self._keep:
            self._stock.append(item)
