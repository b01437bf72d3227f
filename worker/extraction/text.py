"""Bytes to text and text to clean text: encodings, characters that do no good in an index, language.

Nothing here knows a file format.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache

import charset_normalizer
from py3langid import langid  # type: ignore[import-untyped]  # it ships no types

from backend.content.media_types import utf16_without_bom

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 64 * 1024
_ENOUGH_BYTES = 64
# What office software of the last forty years wrote. Left to itself the detector prefers rare EBCDIC and DOS pages
# on short texts.
_LEGACY = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "iso8859_2", "iso8859_7",
    "koi8_r", "koi8_u", "iso8859_5", "iso8859_6", "cp850", "cp866", "tis_620",
    "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
_CENTRAL_EUROPEAN = {"bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"}

_READ_AS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
# What a document may say it is in. Python knows codecs that are no encodings of text, and some that blow up.
_DECLARABLE = {
    *_LEGACY, "utf-16", "utf-16-le", "utf-16-be", "iso8859-2", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7",
    "iso8859-8", "iso8859-9", "iso8859-13", "iso8859-15", "koi8-r", "koi8-u", "cp437", "cp850", "cp852", "cp866",
    "cp874", "cp1258", "mac-roman", "euc_kr", "big5hkscs", "tis-620",
}  # fmt: skip

# Control characters (Postgres takes no NUL), soft hyphen, zero-width marks, lone surrogates, and private use areas,
# where broken PDF fonts put their glyphs. U+200C and U+200D stay: Persian and Indic words need them.
_NOISE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff\ud800-\udfff\ue000-\uf8ff\ufff9-\uffff]"
)
_SPELLINGS = str.maketrans(
    {
        "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
        "\u00a0": " ", "\u2028": "\n", "\u2029": "\n",
    }
    | {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
)  # fmt: skip
"""Other spellings of the same characters: ligatures, full-width letters and digits, special spaces."""
_BLANKS = re.compile(r"[ \t\u2000-\u200a\u3000]{2,}")
_BLANK_LINES = re.compile(r" *\n[ \n]*\n")
_LINE_EDGES = re.compile(r" *\n *")

_LANGUAGE_SAMPLE = 2_000
_LANGUAGE_MINIMUM = 25
"""Letters below which a guess is a coin toss."""
_LANGUAGE_CONFIDENCE = 0.9


def clean(text: str) -> str:
    """Give text fit for an index: composed (NFC), without control characters, in plain letters, blanks squeezed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_SPELLINGS)
    text = _NOISE.sub("", text)
    text = _BLANKS.sub(lambda run: "\t" if "\t" in run[0] else " ", text)
    text = _LINE_EDGES.sub("\n", text)
    text = _BLANK_LINES.sub("\n\n", text)
    return unicodedata.normalize("NFC", text).strip()


def codec_of(data: bytes, declared: str | None = None) -> str:
    """Give the codec of text: byte order mark, else UTF-8 if valid, else what is declared if it fits, else a guess.

    UTF-8 goes before a declaration because text that is not UTF-8 is hardly ever valid UTF-8, while declarations are
    often wrong.
    """
    for mark, codec in _BOMS:
        if data.startswith(mark):
            return codec
    sample = data[:_SAMPLE]
    if b"\0" in sample:
        return utf16_without_bom(sample) or "cp1252"
    if _decodes(sample, "utf-8"):
        is_ascii_shift_code = b"\x1b$" in sample or b"\x1b(" in sample
        return "iso2022_jp" if is_ascii_shift_code and _decodes(sample, "iso2022_jp") else "utf-8"
    known = _known_codec(declared)
    if known and _is_plausible(sample, known):
        return known
    matches = charset_normalizer.from_bytes(sample, cp_isolation=_LEGACY, enable_fallback=False)
    best = matches.best()
    # On few bytes the detector sees Chinese in every umlaut; but Western text is mostly ASCII
    if best is not None and (
        len(sample) >= _ENOUGH_BYTES or sum(byte > 127 for byte in sample) * 2 >= len(sample)
    ):
        equal = [
            one for one in matches if (one.chaos, one.coherence) == (best.chaos, best.coherence)
        ]
        return _western_or_central(sample, {one.encoding for one in equal}) or best.encoding
    return known or "cp1252"


def _western_or_central(sample: bytes, codecs_left: set[str]) -> str | None:
    """Settle by the language what letters leave open: å is ĺ in the other code page, and both are letters."""
    if not {"cp1250", "cp1252"} <= codecs_left:
        return None
    language, _ = _identifier().classify(sample[:_LANGUAGE_SAMPLE].decode("cp1252", "ignore"))
    return "cp1250" if language in _CENTRAL_EUROPEAN else "cp1252"


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode text of unknown encoding; what does not fit becomes U+FFFD."""
    return data.decode(codec_of(data, declared), "replace")


def repaired(text: str) -> str:
    """Give text right that is UTF-8 taken for Latin-1, which many programs write where a format has no UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def language_of(text: str) -> str | None:
    """Give the ISO 639-1 code of the language most of the text is in; None if it is too short or unclear."""
    middle = max(0, (len(text) - _LANGUAGE_SAMPLE) // 2)
    sample = text[middle : middle + _LANGUAGE_SAMPLE]
    if sum(
        character.isalpha() for character in sample
    ) < _LANGUAGE_MINIMUM and not _is_dense_script(sample):
        return None
    code, confidence = _identifier().classify(sample)
    return str(code) if confidence >= _LANGUAGE_CONFIDENCE and len(code) == 2 else None


def _is_dense_script(sample: str) -> bool:
    """Tell whether ten characters say enough: Chinese, Japanese and Korean write a word in one or two."""
    return (
        sum(
            "\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3"
            for character in sample
        )
        >= 10
    )


@cache
def _identifier() -> langid.LanguageIdentifier:
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _known_codec(declared: str | None) -> str | None:
    try:
        name = codecs.lookup((declared or "").strip()).name
    except (LookupError, ValueError):
        return None
    # Pages that say Latin-1 are read as Windows-1252 by every browser (WHATWG Encoding Standard)
    name = _READ_AS.get(name, name)
    return name if name in _DECLARABLE else None


def _is_plausible(sample: bytes, codec: str) -> bool:
    """Tell whether a declared codec gives text: it decodes, and letters are not mixed with symbols as in mojibake."""
    if not _decodes(sample, codec):
        return False
    foreign = [character for character in sample.decode(codec, "ignore") if ord(character) > 127]
    letters = sum(unicodedata.category(character)[0] in "LM" for character in foreign)
    return letters * 10 >= len(foreign) * 6


def _decodes(sample: bytes, codec: str) -> bool:
    try:
        codecs.getincrementaldecoder(codec)("strict").decode(sample, final=len(sample) < _SAMPLE)
    except (UnicodeError, LookupError):
        return False
    return True
