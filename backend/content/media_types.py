"""Tell a file's media type from its first bytes, and by its name where bytes cannot.

Standard library only, and nothing else of ours: the sandboxed readers import it too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import PurePath

HEAD_BYTES = 16 * 1024
"""How much of a file's beginning `media_type_of` wants to see."""

_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = _OOXML + "wordprocessingml.document"
XLSX = _OOXML + "spreadsheetml.sheet"
PPTX = _OOXML + "presentationml.presentation"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
DOC, XLS, PPT = "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"
MSG = "application/vnd.ms-outlook"
ODT, ODS, ODP = (
    "application/vnd.oasis.opendocument." + kind for kind in ("text", "spreadsheet", "presentation")
)
EPUB = "application/epub+zip"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
TEXT, CSV, HTML, EML = "text/plain", "text/csv", "text/html", "message/rfc822"
UNKNOWN = "application/octet-stream"

_BY_SIGNATURE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (257, b"ustar", "application/x-tar"),
    (0, b"%!PS", "application/postscript"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"MThd", "audio/midi"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\0\0\0\x0cJXL ", "image/jxl"),
    (0, b"\0\0\0\x0cjP  ", "image/jp2"),
    (0, b"BM", "image/bmp"),
)
_EBML, _WEBM = b"\x1aE\xdf\xa3", b"webm"
_ASF = bytes.fromhex("3026b2758e66cf11")
_IFF = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_AUDIO_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"F4A "}

_BY_EXTENSION: dict[str, str] = {
    "pdf": "application/pdf",
    "docx": DOCX, "docm": DOCX, "dotx": DOCX, "dotm": DOCX,
    "xlsx": XLSX, "xlsm": XLSX, "xltx": XLSX, "xltm": XLSX, "xlsb": XLSB,
    "pptx": PPTX, "pptm": PPTX, "ppsx": PPTX, "potx": PPTX,
    "doc": DOC, "dot": DOC, "xls": XLS, "xlt": XLS, "ppt": PPT, "pps": PPT, "msg": MSG,
    "odt": ODT, "ott": ODT, "ods": ODS, "ots": ODS, "odp": ODP, "otp": ODP,
    "epub": EPUB, "zip": ZIP, "jar": "application/java-archive", "rtf": "application/rtf",
    "txt": TEXT, "text": TEXT, "log": TEXT, "ini": TEXT, "cfg": TEXT, "tex": TEXT,
    "md": "text/markdown", "markdown": "text/markdown", "csv": CSV, "tsv": "text/tab-separated-values",
    "html": HTML, "htm": HTML, "xhtml": "application/xhtml+xml", "eml": EML, "mht": EML, "mhtml": EML,
    "xml": "application/xml", "svg": "image/svg+xml", "json": "application/json",
    "yaml": "application/yaml", "yml": "application/yaml", "ics": "text/calendar", "vcf": "text/vcard",
    "py": "text/x-python", "js": "text/javascript", "css": "text/css", "sql": "application/sql",
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "tif": "image/tiff", "tiff": "image/tiff", "webp": "image/webp", "bmp": "image/bmp",
    "heic": "image/heic", "heif": "image/heic", "avif": "image/avif",
    "mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "oga": "audio/ogg",
    "opus": "audio/ogg", "m4a": "audio/mp4", "aac": "audio/aac", "wma": "audio/x-ms-wma", "aiff": "audio/aiff",
    "aif": "audio/aiff", "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "avi": "video/x-msvideo",
    "mkv": "video/x-matroska", "webm": "video/webm", "wmv": "video/x-ms-wmv", "ogv": "video/ogg",
    "mpg": "video/mpeg", "mpeg": "video/mpeg", "3gp": "video/3gpp",
}  # fmt: skip
_TEXTUAL_APPLICATIONS = {
    "application/xml",
    "application/json",
    "application/yaml",
    "application/sql",
    "application/xhtml+xml",
}
_OLE_BY_EXTENSION = {DOC, XLS, PPT, MSG}

_ZIP_ENTRY = b"PK\x03\x04"
_ZIP_MAGIC = (_ZIP_ENTRY, b"PK\x05\x06")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\b"))
_PDF_SLACK = 1024  # Acrobat looks for %PDF- in the first kilobyte (ISO 32000-1, annex H, note 13)

_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML_START = re.compile(rb"\s*<\?xml\b", re.IGNORECASE)
_SVG_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+svg[^>]*>\s*)?<svg\b",
    re.IGNORECASE | re.DOTALL,
)
_MAIL_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]*):[ \t]?\S*")
_MAIL_FIELDS = {
    b"received", b"return-path", b"message-id", b"mime-version", b"from", b"to", b"subject", b"date",
    b"delivered-to", b"x-mozilla-status", b"content-type", b"reply-to", b"sender", b"cc", b"newsgroups", b"path",
}  # fmt: skip


def media_type_of(head: bytes, name: str) -> str:
    """Give the media type of a file that begins with `head` (up to HEAD_BYTES) and is called `name`.

    Content decides wherever it can; the name settles what content leaves open (which text is CSV, which archive
    is an office document whose telling entries come later). `application/octet-stream` if nothing is known.
    """
    by_name = _BY_EXTENSION.get(PurePath(name).suffix[1:].lower(), UNKNOWN)
    return _by_signature(head, by_name) or _by_text(head, by_name) or _by_name_alone(by_name)


def zip_media_type(names: Iterable[str], mimetype: bytes = b"") -> str | None:
    """Give the type of an archive by its entries and the content of its `mimetype` entry; None if it is only a ZIP."""
    declared = mimetype.strip().decode("ascii", "replace")
    if declared in {ODT, ODS, ODP, EPUB}:
        return declared
    if declared.startswith("application/vnd.oasis.opendocument."):
        return declared.removesuffix("-template")
    for entry in names:
        folder, _, rest = entry.replace("\\", "/").partition("/")
        if folder == "xl" and rest.endswith("workbook.bin"):
            return XLSB
        found = {"word": DOCX, "xl": XLSX, "ppt": PPTX}.get(folder if rest else "")
        if found and not rest.endswith(".bin"):
            return found
    return None


def ole_media_type(streams: Iterable[str]) -> str | None:
    """Give the type of an OLE compound file with these top-level streams; None if none of them tells."""
    present = {stream.lower() for stream in streams}
    for marker, media_type in (
        ("worddocument", DOC),
        ("workbook", XLS),
        ("book", XLS),
        ("powerpoint document", PPT),
        ("__properties_version1.0", MSG),
    ):
        if marker in present:
            return media_type
    return None


def _by_signature(head: bytes, by_name: str) -> str | None:
    for offset, magic, media_type in _BY_SIGNATURE:
        # two letters alone would claim every text that begins with them
        if head.startswith(magic, offset) and (len(magic) > 2 or b"\0" in head[:64]):
            return media_type
    return _by_container(head, by_name) or (
        "application/pdf" if b"%PDF-" in head[:_PDF_SLACK] else None
    )


def _by_container(head: bytes, by_name: str) -> str | None:
    """Look into formats that others are made of."""
    if head.startswith(_ZIP_MAGIC):
        return _zip_from_head(head, by_name)
    if head.startswith(_OLE_MAGIC):
        return _ole_from_head(head, by_name)
    if head[4:8] == b"ftyp":
        return _iso_media(head[8:12])
    return _recording(head, by_name)


def _recording(head: bytes, by_name: str) -> str | None:
    """Tell the kinds of sound and film whose containers hold several."""
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"FORM"):
        return _IFF.get(head[8:12])
    if head.startswith(b"OggS"):
        return "video/ogg" if by_name == "video/ogg" else "audio/ogg"
    if head.startswith(_EBML):
        return "video/webm" if _WEBM in head[:64] else "video/x-matroska"
    if head.startswith(_ASF):
        return by_name if by_name in {"audio/x-ms-wma", "video/x-ms-wmv"} else "video/x-ms-asf"
    return None


def _iso_media(brand: bytes) -> str:
    if brand in _HEIF_BRANDS:
        return "image/heic"
    if brand in _AVIF_BRANDS:
        return "image/avif"
    if brand in _AUDIO_BRANDS:
        return "audio/mp4"
    if brand.startswith(b"3g"):
        return "video/3gpp"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _zip_from_head(head: bytes, by_name: str) -> str:
    names, mimetype = [], b""
    for match in re.finditer(re.escape(_ZIP_ENTRY), head):
        at = match.start()
        name_length = int.from_bytes(head[at + 26 : at + 28], "little")
        extra_length = int.from_bytes(head[at + 28 : at + 30], "little")
        entry = head[at + 30 : at + 30 + name_length].decode("utf-8", "replace")
        names.append(entry)
        if entry == "mimetype":
            start = at + 30 + name_length + extra_length
            mimetype = head[start : start + int.from_bytes(head[at + 18 : at + 22], "little")]
    in_a_zip = {DOCX, XLSX, XLSB, PPTX, ODT, ODS, ODP, EPUB, "application/java-archive"}
    return zip_media_type(names, mimetype) or (by_name if by_name in in_a_zip else ZIP)


def _ole_from_head(head: bytes, by_name: str) -> str:
    # [MS-CFB] 2.2: sector size at 30, first directory sector at 48; entries of 128 bytes begin with a UTF-16 name
    sector = 1 << min(int.from_bytes(head[30:32], "little"), 16)
    start = (int.from_bytes(head[48:52], "little") + 1) * sector
    names = [
        head[at : at + 64].decode("utf-16-le", "replace").split("\0")[0]
        for at in range(start, min(start + sector, len(head) - 127), 128)
    ]
    return ole_media_type(names) or (by_name if by_name in _OLE_BY_EXTENSION else OLE)


def _by_text(head: bytes, by_name: str) -> str | None:
    if not looks_like_text(head):
        return None
    start = head.removeprefix(codecs.BOM_UTF8)
    if _HTML_START.match(start):
        return by_name if by_name in {"application/xhtml+xml", EML} else HTML
    if _SVG_START.match(start):
        return "image/svg+xml"
    if _XML_START.match(start):
        return (
            by_name
            if by_name in {"application/xhtml+xml", HTML, "image/svg+xml"}
            else "application/xml"
        )
    if _is_mail(start):
        return EML
    is_textual = by_name.startswith("text/") or by_name in _TEXTUAL_APPLICATIONS or by_name == EML
    return by_name if is_textual else TEXT


def _is_mail(start: bytes) -> bool:
    """Tell whether the text begins like the header of RFC 5322: three known fields, nothing else between them."""
    known = 0
    for line in start.split(b"\n", 40)[:40]:
        if line[:1] in b" \t" and known:
            continue
        if line.startswith(b"From ") and not known:
            continue  # the separator of an mbox
        match = _MAIL_FIELD.match(line)
        if match is None:
            break
        known += match.group(1).lower() in _MAIL_FIELDS
    return known >= 3


def looks_like_text(head: bytes) -> bool:
    """Tell whether bytes are text in some encoding rather than a binary format; an empty file is text."""
    if head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if b"\0" in head:
        return utf16_without_bom(head) is not None
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls * 50 <= len(head)


def utf16_without_bom(head: bytes) -> str | None:
    """Give the codec of UTF-16 text that has no byte order mark, told by where its zero bytes lie; else None."""
    if len(head) < 4:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.05:
        return "utf-16-be"
    return None


def _by_name_alone(by_name: str) -> str:
    """Believe the name of a binary file without a known signature: its reader will say that it is damaged."""
    is_textual = by_name.startswith("text/") or by_name in _TEXTUAL_APPLICATIONS or by_name == EML
    return UNKNOWN if is_textual else by_name
