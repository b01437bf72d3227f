"""Rich Text: a stream of control words, groups and characters (Rich Text Format Specification 1.9.1).

A reader of our own, for the kept library takes a step of Python for each character, those of pictures included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from worker.extraction.embedded import EmbeddedFile, EmbeddedFiles
from worker.extraction.errors import Damaged
from worker.extraction.metadata import moment_of
from worker.extraction.ole import codec_of_code_page
from worker.extraction.ole_objects import file_of_object
from worker.extraction.pictures import read_embedded
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = ("application/rtf", "text/rtf")

_MAX_BYTES = 256 << 20
_DEEPEST = 5_000
_LONGEST_PARAGRAPH = 1 << 20
_TOKENS_BETWEEN_CHECKS = 50_000

_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,9})? ?"
    rb"|\\'(?P<byte>[0-9a-fA-F]{2})"
    rb"|\\(?P<symbol>[^a-zA-Z])"
    rb"|(?P<brace>[{}])"
    rb"|(?P<run>[^\\{}]+)",
    re.DOTALL,
)
_LINE_ENDS = b"\r\n"
_NOT_HEX = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))

_ENDS_PARAGRAPH = {"par", "sect", "page", "row", "nestrow", "softpage"}
_CHARACTERS = {
    "line": "\n", "tab": "\t", "cell": "\t", "nestcell": "\t", "lquote": "‘", "rquote": "’",
    "ldblquote": "“", "rdblquote": "”", "bullet": "•", "endash": "–", "emdash": "—", "enspace": " ", "emspace": " ",
    "qmspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\u00a0", b"_": "-", b"{": "{", b"}": "}", b"\\": "\\"}
_UNSEEN = {
    "colortbl", "stylesheet", "fldinst", "nonshppict", "objclass", "objname", "filetbl", "listtable",
    "listoverridetable", "revtbl", "rsidtbl", "themedata", "colorschememapping", "latentstyles", "datastore",
    "xmlnstbl", "mmathPr", "sp", "xe", "tc", "bkmkstart", "bkmkend", "atnid", "atnauthor", "template", "private",
    "passwordhash", "listname", "leveltext", "levelnumbers", "panose", "falt", "printim", "buptim",
}  # fmt: skip
_BINARY = frozenset({"picture", "object"})
_SEEN_THOUGH_STARRED = {"shpinst", "shppict", "annotation", "footnote"}
_INFO = {
    "title": "title", "subject": "subject", "author": "creators", "operator": "contributors", "keywords": "keywords",
    "doccomm": "description", "manager": "manager", "company": "company", "category": "category",
}  # fmt: skip
_TIMES = {"creatim": "created", "revtim": "modified"}
_COUNTS = {"nofpages": "pages", "nofwords": "words"}
_CODE_PAGES = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
    254: "cp437", 255: "cp437",
}  # fmt: skip
"""What a font's \\fcharset means; 1 is the document's own code page."""


def read(source: Source, context: Context, content: Content) -> None:
    """Append what a Rich Text document says."""
    read_rtf(source.read(_MAX_BYTES), context, content)


def read_rtf(data: bytes, context: Context, content: Content) -> None:
    """Like `read`, for bytes in memory: Outlook's messages may have their body in this format."""
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Damaged("It is not a Rich Text document.")
    content.read_by("rtf")
    _Reader(data, context, content).run()


@dataclass(slots=True)
class _Group:
    """What holds between two braces, and what the groups within begin with."""

    destination: str = "text"
    """`text` is read; `unseen`, `fonts`, `picture`, `object`, `info` and the names of metadata are no part of it."""
    skipped_after_unicode: int = 1
    codec: str | None = None
    """The current font's; None for the document's."""
    is_hidden: bool = False
    is_starred: bool = False


@dataclass(slots=True)
class _Binary:
    """A picture or an object as it comes in: hexadecimal digits, or bytes after \\bin."""

    is_readable: bool = False
    digits: list[bytes] = field(default_factory=list)
    raw: bytes = b""

    def data(self) -> bytes:
        """Give what it is."""
        digits = b"".join(self.digits)
        return self.raw or bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


class _Reader:
    def __init__(self, data: bytes, context: Context, content: Content) -> None:
        self._data = data
        self._context = context
        self._content = content
        self._at = 0
        self._group = _Group()
        self._groups: list[_Group] = []
        self._codec = "cp1252"
        self._font_codecs: dict[int, str] = {}
        self._font = self._default_font = 0
        self._bytes = bytearray()
        self._paragraph: list[str] = []
        self._paragraph_length = 0
        self._to_skip = 0
        self._high_surrogate = ""
        self._binary = _Binary()
        self._objects: list[_Binary] = []
        self._moment: dict[str, int] = {}
        self._property = ""

    def run(self) -> None:
        """Read to the end of the data, or of the outermost group."""
        count = 0
        while (match := _TOKEN.match(self._data, self._at)) is not None or self._step_over():
            if match is None:
                continue
            self._at = match.end()
            self._take(match)
            count += 1
            if count % _TOKENS_BETWEEN_CHECKS == 0:
                self._context.check_time(self._content)
            if match["brace"] == b"}" and not self._groups:
                break
        self._end_paragraph()
        self._read_objects()

    def _step_over(self) -> bool:
        """Pass a lone backslash at the end; False where there is nothing more."""
        self._at += 1
        return self._at < len(self._data)

    def _take(self, match: re.Match[bytes]) -> None:
        if match["run"] is not None:
            self._take_run(match["run"])
        elif match["byte"] is not None:
            self._take_bytes(bytes.fromhex(match["byte"].decode()))
        elif match["word"] is not None:
            number = match["number"]
            self._take_word(match["word"].decode(), None if number is None else int(number))
        elif match["brace"] == b"{":
            self._open()
        elif match["brace"] == b"}":
            self._close()
        else:
            self._take_symbol(match["symbol"])

    def _open(self) -> None:
        self._flush()
        if len(self._groups) >= _DEEPEST:
            raise Damaged("Its groups are nested deeper than any document's are.")
        self._groups.append(self._group)
        self._group = replace(self._group, is_starred=False)
        self._to_skip = 0

    def _close(self) -> None:
        self._flush()
        closed = self._group
        if not self._groups:
            return
        self._group = self._groups.pop()
        if closed.destination != self._group.destination:
            self._leave(closed.destination)

    def _leave(self, destination: str) -> None:
        """Do what the end of a destination asks for."""
        if destination == "picture":
            self._read_picture()
        elif destination == "object":
            # They come last, as in other documents: the paragraph they stand in goes on.
            self._objects.append(self._binary)
        elif destination in _TIMES.values():
            year, month, day = (self._moment.get(part, 0) for part in ("yr", "mo", "dy"))
            hour, minute, second = (self._moment.get(part, 0) for part in ("hr", "min", "sec"))
            self._content.metadata.put(
                destination,
                moment_of(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
            )
        elif destination.startswith("info:"):
            self._content.metadata.put(destination[5:], self._taken_text().rstrip("; "))
        elif destination == "propname":
            self._property = self._taken_text()
        elif destination == "staticval":
            self._content.metadata.put(f"custom:{self._property}", self._taken_text())

    def _take_symbol(self, symbol: bytes) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif symbol == b"*":
            self._group.is_starred = True
        elif symbol in {b"\n", b"\r"}:
            self._take_word("par", None)
        else:
            self._say(_SYMBOLS.get(symbol, ""))

    def _take_run(self, run: bytes) -> None:
        if self._group.destination in _BINARY:
            if self._binary.is_readable:
                self._binary.digits.append(run.translate(None, _NOT_HEX))
        elif self._group.destination not in {"unseen", "fonts", "info"}:
            self._take_bytes(run.translate(None, _LINE_ENDS))

    def _take_bytes(self, data: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        if data and self._is_kept:
            self._bytes += data

    @property
    def _is_kept(self) -> bool:
        destination = self._group.destination
        return (destination == "text" and not self._group.is_hidden) or (
            destination.startswith("info:") or destination in {"propname", "staticval"}
        )

    def _say(self, text: str) -> None:
        if self._is_kept and text:
            self._flush()
            self._paragraph.append(text)
            self._paragraph_length += len(text)

    def _flush(self) -> None:
        """Decode the bytes that came since the code page changed: a character may be two of them."""
        if self._bytes:
            codec = self._group.codec or self._font_codecs.get(self._default_font, self._codec)
            text = self._bytes.decode(codec, "replace")
            self._bytes.clear()
            self._paragraph.append(text)
            self._paragraph_length += len(text)
            if self._paragraph_length > _LONGEST_PARAGRAPH and self._group.destination == "text":
                self._end_paragraph()

    def _taken_text(self) -> str:
        """Give what was said in a destination that is no part of the text."""
        text = "".join(self._paragraph)
        self._paragraph.clear()
        return text

    def _end_paragraph(self) -> None:
        self._flush()
        self._content.add("".join(self._paragraph))
        self._paragraph.clear()
        self._paragraph_length = 0

    def _take_word(self, word: str, number: int | None) -> None:
        if self._to_skip and word not in {"u", "uc", "bin"}:
            self._to_skip -= 1
            return
        handler = _HANDLERS.get(word)
        if handler is not None:
            handler(self, word, number)
        elif (self._group.is_starred and word not in _SEEN_THOUGH_STARRED) or word in _UNSEEN:
            self._enter("unseen")
        elif word in _CHARACTERS:
            self._say(_CHARACTERS[word])
        elif word in _ENDS_PARAGRAPH and self._group.destination == "text":
            self._end_paragraph()
        self._group.is_starred = False

    def _enter(self, destination: str) -> None:
        self._flush()
        if self._group.destination != "unseen":
            self._group.destination = destination

    def enter_info(self, word: str, _number: int | None) -> None:
        if self._group.destination == "info":
            # what was said before the group belongs to the text around it
            self._end_paragraph()
            self._enter(f"info:{_INFO[word]}")

    def enter_time(self, word: str, _number: int | None) -> None:
        if self._group.destination == "info":
            self._moment.clear()
            self._enter(_TIMES[word])

    def take_time(self, word: str, number: int | None) -> None:
        self._moment[word] = abs(number or 0)

    def take_count(self, word: str, number: int | None) -> None:
        if self._group.destination == "info" and number:
            self._content.metadata.put(_COUNTS[word], number)

    def enter_fonts(self, _word: str, _number: int | None) -> None:
        self._enter("fonts")

    def enter_information(self, _word: str, _number: int | None) -> None:
        self._end_paragraph()
        self._enter("info")

    def enter_property(self, word: str, _number: int | None) -> None:
        self._enter(word)

    def enter_generator(self, _word: str, _number: int | None) -> None:
        self._end_paragraph()
        self._enter("info:software")

    def enter_picture(self, _word: str, _number: int | None) -> None:
        self._enter("picture")
        self._binary = _Binary()

    def enter_object(self, _word: str, _number: int | None) -> None:
        self._enter("object")
        self._binary = _Binary(is_readable=self._group.destination == "object")

    def take_picture_kind(self, _word: str, _number: int | None) -> None:
        self._binary.is_readable = self._group.destination == "picture"

    def take_binary(self, _word: str, number: int | None) -> None:
        end = self._at + max(number or 0, 0)
        if self._group.destination in _BINARY and self._binary.is_readable:
            self._binary.raw = self._data[self._at : end]
        self._at = end

    def take_code_page(self, word: str, number: int | None) -> None:
        self._flush()
        if word == "ansicpg":
            self._codec = codec_of_code_page(number or 0) or self._codec
        else:
            self._codec = _CODE_PAGES[word]

    def take_font(self, _word: str, number: int | None) -> None:
        self._flush()
        if self._group.destination == "fonts":
            self._font = number or 0
        else:
            self._group.codec = self._font_codecs.get(number or 0, self._codec)

    def take_default_font(self, _word: str, number: int | None) -> None:
        self._default_font = number or 0

    def take_font_charset(self, word: str, number: int | None) -> None:
        if self._group.destination != "fonts":
            return
        of_number = codec_of_code_page if word == "cpg" else _CHARSETS.get
        codec = of_number(number or 0)
        if codec is not None:
            self._font_codecs[self._font] = codec

    def take_plain(self, _word: str, _number: int | None) -> None:
        self._flush()
        self._group.is_hidden = False
        self._group.codec = None

    def take_hidden(self, _word: str, number: int | None) -> None:
        self._flush()
        self._group.is_hidden = number != 0

    def take_unicode_skip(self, _word: str, number: int | None) -> None:
        self._group.skipped_after_unicode = min(max(number or 0, 0), 16)

    def take_unicode(self, _word: str, number: int | None) -> None:
        unit = (number or 0) & 0xFFFF
        if 0xD800 <= unit < 0xDC00:
            self._high_surrogate = chr(unit)
        else:
            pair = (self._high_surrogate + chr(unit)).encode("utf-16-le", "surrogatepass")
            self._high_surrogate = ""
            self._say(pair.decode("utf-16-le", "replace"))
        self._to_skip = self._group.skipped_after_unicode

    def _read_picture(self) -> None:
        data = self._binary.data()
        if self._binary.is_readable and data:
            self._end_paragraph()
            self._context.expand(len(data))
            read_embedded(data, self._context, self._content)

    def _read_objects(self) -> None:
        files = EmbeddedFiles(self._context, self._content)
        for one in self._objects:
            files.read("", partial(_unpacked, one, self._context))
        self._content.metadata.put("attachments", files.names)


def _unpacked(binary: _Binary, context: Context) -> EmbeddedFile:
    return file_of_object(binary.data(), context)


_Handler = Callable[[_Reader, str, int | None], None]
_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(_INFO, _Reader.enter_info),
    **dict.fromkeys(_TIMES, _Reader.enter_time),
    **dict.fromkeys(("yr", "mo", "dy", "hr", "min", "sec"), _Reader.take_time),
    **dict.fromkeys(_COUNTS, _Reader.take_count),
    **dict.fromkeys((*_CODE_PAGES, "ansicpg"), _Reader.take_code_page),
    **dict.fromkeys(("fcharset", "cpg"), _Reader.take_font_charset),
    **dict.fromkeys(("v", "htmlrtf", "deleted"), _Reader.take_hidden),
    **dict.fromkeys(("propname", "staticval"), _Reader.enter_property),
    **dict.fromkeys(("pngblip", "jpegblip"), _Reader.take_picture_kind),
    "userprops": _Reader.enter_information,
    "generator": _Reader.enter_generator,
    "deff": _Reader.take_default_font,
    "fonttbl": _Reader.enter_fonts,
    "info": _Reader.enter_information,
    "pict": _Reader.enter_picture,
    "objdata": _Reader.enter_object,
    "bin": _Reader.take_binary,
    "f": _Reader.take_font,
    "plain": _Reader.take_plain,
    "uc": _Reader.take_unicode_skip,
    "u": _Reader.take_unicode,
}
