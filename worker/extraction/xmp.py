"""XMP, the metadata in RDF that PDF files and pictures carry (ISO 16684-1)."""

from __future__ import annotations

import io
from contextlib import suppress

from worker.extraction.errors import Damaged
from worker.extraction.metadata import Collector
from worker.extraction.xml import events

_LARGEST = 4 << 20
# Names without their namespace: what stands elsewhere under one of these names means the same
_FIELDS = {
    "title": "title", "creator": "creators", "description": "description", "subject": "keywords",
    "rights": "rights", "publisher": "publisher", "language": "language", "CreateDate": "created",
    "ModifyDate": "modified", "CreatorTool": "software", "Producer": "producer", "part": "_part",
    "conformance": "_conformance",
}  # fmt: skip
_CONTAINERS = {"Alt", "Bag", "Seq"}


def read_xmp(packet: bytes, into: Collector) -> None:
    """Take what a packet says; a broken one is taken as far as it can be read."""
    given: dict[str, list[str]] = {}
    with suppress(Damaged):  # what came before the fault counts
        _read(packet[:_LARGEST].strip(b"\0 \t\r\n"), given)
    for name, values in given.items():
        if name.startswith("_"):
            continue
        # one value in several languages: the first is the default
        for value in values if name in {"creators", "keywords"} else values[:1]:
            into.put(name, value)
    if "_part" in given:
        into.put(
            "conformance", f"PDF/A-{given['_part'][0]}{''.join(given.get('_conformance', []))}"
        )


def _read(packet: bytes, given: dict[str, list[str]]) -> None:
    field, depth_of_field, depth = "", 0, 0
    runs: list[str] = []
    for kind, value, attributes in events(io.BytesIO(packet)):
        if kind == "text":
            runs.append(value)
        elif kind == "start":
            depth += 1
            if not field and value in _FIELDS:
                field, depth_of_field = _FIELDS[value], depth
            if value == "Description":
                for key, text in attributes.items():
                    name = _FIELDS.get(key.rpartition(" ")[2])
                    if name and text.strip():
                        given.setdefault(name, []).append(text.strip())
            runs.clear()
        else:
            text = "".join(runs).strip()
            if field and text and value not in _CONTAINERS:
                given.setdefault(field, []).append(text)
            runs.clear()
            if depth == depth_of_field:
                field = ""
            depth -= 1
