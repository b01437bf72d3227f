"""The languages that recognition reads, and by which engine.

PaddleOCR's PP-OCRv6, as it comes, knows the letters of every language below the first heading; the others are
tesseract's, where it is installed with their data.
"""

from collections.abc import Mapping

BY_PADDLE: Mapping[str, str] = {
    "af": "afr", "az": "aze", "ca": "cat", "cs": "ces", "cy": "cym", "da": "dan", "de": "deu", "en": "eng",
    "eo": "epo", "es": "spa", "et": "est", "eu": "eus", "fi": "fin", "fr": "fra", "ga": "gle", "gl": "glg",
    "hr": "hrv", "hu": "hun", "id": "ind", "is": "isl", "it": "ita", "ja": "jpn", "la": "lat", "lt": "lit",
    "lv": "lav", "ms": "msa", "mt": "mlt", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "sk": "slk", "sl": "slv", "sq": "sqi", "sv": "swe", "tr": "tur", "zh": "chi_sim",
}  # fmt: skip
"""ISO 639-1 codes, and what tesseract calls the same."""

BY_TESSERACT: Mapping[str, str] = {
    "am": "amh", "ar": "ara", "be": "bel", "bg": "bul", "bn": "ben", "el": "ell", "fa": "fas", "gu": "guj",
    "he": "heb", "hi": "hin", "hy": "hye", "ka": "kat", "kk": "kaz", "km": "khm", "kn": "kan", "ko": "kor",
    "ky": "kir", "lo": "lao", "mk": "mkd", "ml": "mal", "mn": "mon", "mr": "mar", "my": "mya", "ne": "nep",
    "pa": "pan", "ru": "rus", "si": "sin", "sr": "srp", "ta": "tam", "te": "tel", "th": "tha", "uk": "ukr",
    "ur": "urd", "vi": "vie", "yi": "yid",
}  # fmt: skip
"""Those of which PP-OCRv6 lacks letters."""

READABLE: Mapping[str, str] = {**BY_PADDLE, **BY_TESSERACT}
"""All of them."""
