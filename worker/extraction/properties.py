"""Metadata out of the XML of office documents and books: Dublin Core, and what each family adds to it."""

from __future__ import annotations

from collections.abc import Mapping

from worker.extraction.archive import Archive
from worker.extraction.errors import Damaged
from worker.extraction.metadata import Collector
from worker.extraction.xml import attribute, events

_DUBLIN_CORE = {
    "title": "title", "subject": "subject", "description": "description", "keyword": "keywords",
    "keywords": "keywords", "publisher": "publisher", "rights": "rights", "language": "language",
    "identifier": "identifier",
}  # fmt: skip
# ECMA-376 part 2, 11 (core.xml) and part 1, 22.2 (app.xml)
_OFFICE_CORE = _DUBLIN_CORE | {
    "creator": "creators", "lastModifiedBy": "contributors", "created": "created", "modified": "modified",
    "category": "category", "contentStatus": "status", "revision": "revision",
}  # fmt: skip
_OFFICE_APPLICATION = {
    "Application": "software", "Company": "company", "Manager": "manager", "Template": "template",
    "Pages": "pages", "Words": "words",
}  # fmt: skip
# ODF 1.3 part 3, 4.3: `creator` is who changed it last
_OPEN_DOCUMENT = _DUBLIN_CORE | {
    "initial-creator": "creators", "creator": "contributors", "creation-date": "created", "date": "modified",
    "generator": "software", "editing-cycles": "revision",
}  # fmt: skip
# EPUB 3.3, 5.5: what a subject is called elsewhere is a keyword
_BOOK = _DUBLIN_CORE | {
    "subject": "keywords", "creator": "creators", "contributor": "contributors", "date": "created",
}  # fmt: skip


def read_office_properties(archive: Archive, into: Collector) -> None:
    """Take the properties of a Word, Excel or PowerPoint file."""
    read_fields(archive, "docProps/core.xml", _OFFICE_CORE, into)
    read_fields(archive, "docProps/app.xml", _OFFICE_APPLICATION, into)
    _read_custom(archive, into)


def read_open_document_properties(archive: Archive, into: Collector) -> None:
    """Take the properties of an OpenDocument file."""
    read_fields(archive, "meta.xml", _OPEN_DOCUMENT, into)


def read_book_properties(archive: Archive, part: str, into: Collector) -> None:
    """Take the properties of an EPUB's package document."""
    read_fields(archive, part, _BOOK, into)


def read_fields(archive: Archive, part: str, fields: Mapping[str, str], into: Collector) -> None:
    """Take the text of the elements that `fields` names. Absent or broken properties make no document unreadable."""
    name, runs = "", list[str]()
    try:
        for kind, value, attributes in events(archive.open(part)):
            if kind == "text":
                runs.append(value)
                continue
            if kind == "end" and name:
                into.put(name, "".join(runs))
                name = ""
            if kind == "start":
                name = fields.get(value, "")
                if value == "user-defined":
                    name = f"custom:{attribute(attributes, 'name')}"
                elif value == "document-statistic":
                    into.put("pages", attribute(attributes, "page-count"))
                    into.put("words", attribute(attributes, "word-count"))
            runs.clear()
    except Damaged:
        return


def _read_custom(archive: Archive, into: Collector) -> None:
    """Take the properties that authors named themselves (ECMA-376 part 1, 22.3)."""
    name, runs = "", list[str]()
    try:
        for kind, value, attributes in events(archive.open("docProps/custom.xml")):
            if kind == "text":
                runs.append(value)
            elif value == "property" and kind == "start":
                name = attribute(attributes, "name")
                runs.clear()
            elif value == "property" and name:
                into.put(f"custom:{name}", "".join(runs))
    except Damaged:
        return
