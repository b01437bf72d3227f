"""Counting the statements sent to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Engine, event

_collecting: ContextVar[object] = ContextVar("_collecting", default=None)


@contextmanager
def collected_queries() -> Iterator[list[tuple[str, Any]]]:
    """Collect what any engine executes for the block, and for the tasks it begins: statements with parameters.

    What the application does in the background meanwhile is not counted.
    """
    collected: list[tuple[str, Any]] = []

    def collect(_c: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if _collecting.get() is collected:
            collected.append((statement, parameters))

    token = _collecting.set(collected)
    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield collected
    finally:
        event.remove(Engine, "before_cursor_execute", collect)
        _collecting.reset(token)


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """Collect the statements that any engine executes for the block, as `collected_queries` does."""
    statements: list[str] = []
    with collected_queries() as collected:
        try:
            yield statements
        finally:
            statements += [statement for statement, _ in collected]
