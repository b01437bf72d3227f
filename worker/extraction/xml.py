"""Reading XML out of documents nobody vouches for: a stream of events, in flat memory and without entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Literal
from xml.parsers import expat

from worker.extraction.errors import Damaged

_CHUNK = 1 << 16
_DEEPEST = 5_000

Event = tuple[Literal["start", "end", "text"], str, Mapping[str, str]]
_NO_ATTRIBUTES: Mapping[str, str] = {}


def events(stream: IO[bytes]) -> Iterator[Event]:
    """Yield ("start", tag, attributes), ("text", characters, {}) and ("end", tag, {}) in document order.

    Tags are local names, without namespace. Damaged if the XML is not well-formed or has a document type declaration:
    no office format has one, and every known attack by XML (entities that multiply or read files) needs one.
    """
    pending: list[Event] = []
    parser = _parser(pending)
    while True:
        chunk = stream.read(_CHUNK)
        try:
            parser.Parse(chunk, not chunk)
        except expat.ExpatError as problem:
            yield from pending
            raise Damaged(f"Its XML is broken ({problem}).") from problem
        yield from pending
        pending.clear()
        if not chunk:
            return


def without(tags: frozenset[str], stream: Iterable[Event]) -> Iterator[Event]:
    """Pass events on, except for elements of these tags and all that is inside them."""
    inside = 0
    for event in stream:
        kind, value, _ = event
        if kind != "text" and value in tags:
            inside += 1 if kind == "start" else -1
        elif not inside:
            yield event


def attribute(attributes: Mapping[str, str], name: str) -> str:
    """Give an attribute by its name without namespace; empty if it is absent."""
    for key, value in attributes.items():
        if key.rpartition(" ")[2] == name:
            return value
    return ""


def _parser(pending: list[Event]) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local_names: dict[str, str] = {}
    depth = 0

    def local(name: str) -> str:
        if name not in local_names:
            local_names[name] = name.rpartition(" ")[2]
        return local_names[name]

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise Damaged("Its XML is nested deeper than any document is.")
        pending.append(("start", local(name), attributes))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        pending.append(("end", local(name), _NO_ATTRIBUTES))

    def text(characters: str) -> None:
        pending.append(("text", characters, _NO_ATTRIBUTES))

    def doctype(*_: object) -> None:
        raise Damaged(
            "Its XML has a document type declaration, which can hide an attack; it was not read."
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    return parser
