"""HTML to text: what a reader would see, block by block. Used for pages, mail bodies and books."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html

from worker.extraction.errors import Damaged
from worker.extraction.text import codec_of

_UNSEEN = {
    "script",
    "style",
    "template",
    "noscript",
    "svg",
    "math",
    "object",
    "iframe",
    "select",
    "datalist",
}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "html", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "title", "tr", "ul",
}  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(
    rb"^\s*<\?xml[^>]{0,100}encoding\s*=\s*[\"']([A-Za-z0-9_.-]+)", re.IGNORECASE
)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_DECLARED_WITHIN = 4096
_SPACE = re.compile(r"\s+")


def html_text(data: bytes, declared: str | None = None) -> Iterator[str]:
    """Yield the visible blocks of an HTML document.

    Args:
        data: the document.
        declared: the encoding that its carrier (a mail header) gives; it wins over the document's own.
    """
    codec = codec_of(data, declared or _declared_codec(data))
    text = data.decode(codec, "replace").replace("\0", "")
    if not text.strip():
        return
    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False
    )
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError) as problem:
        raise Damaged(f"The page's markup is broken ({problem}).") from problem
    yield from _blocks(root)


def _declared_codec(data: bytes) -> str | None:
    head = _COMMENT.sub(b"", data[:_DECLARED_WITHIN])
    match = _CHARSET.search(head) or _XML_CHARSET.search(head)
    return match.group(1).decode("ascii") if match else None


def _blocks(root: etree._Element) -> Iterator[str]:
    """Walk without recursion: hostile pages nest deeper than Python's stack."""
    runs: list[str] = []
    unseen = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        starts = event == "start"
        if tag in _UNSEEN:
            unseen += 1 if starts else -1
        elif not unseen and tag in _BLOCKS:
            yield _SPACE.sub(" ", "".join(runs))
            runs.clear()
        elif not unseen and tag in {"td", "th"}:
            runs.append(" ")
        if not unseen:
            # what follows an element belongs to its parent, whatever the element was
            runs.append((_opening_text(element, tag) if starts else element.tail) or "")
    yield _SPACE.sub(" ", "".join(runs))


def _opening_text(element: etree._Element, tag: str) -> str | None:
    if tag == "img":
        return f" {element.get('alt') or ''} "
    if tag == "meta" and (element.get("name") or "").lower() in {"description", "keywords"}:
        return f" {element.get('content') or ''} "
    return element.text
