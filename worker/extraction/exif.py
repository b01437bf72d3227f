"""What a picture says about itself: Exif, XMP, IPTC, and the texts that PNG and JPEG files carry."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from PIL import Image, ImageFile, IptcImagePlugin

from worker.extraction.metadata import Collector
from worker.extraction.text import decode, repaired
from worker.extraction.xmp import read_xmp

# Exif 2.32, 4.6.4 and 4.6.5
_EXIF, _GPS = 0x8769, 0x8825
_OF_PICTURE = {
    0x010E: "description", 0x013B: "creators", 0x8298: "rights", 0x0131: "software", 0x0132: "modified",
}  # fmt: skip
_MAKE, _MODEL = 0x010F, 0x0110
_OF_SHOT = {
    0xA434: "lens", 0x829A: "exposure_seconds", 0x829D: "f_number", 0x8827: "iso", 0x920A: "focal_length_mm",
}  # fmt: skip
_TAKEN, _TAKEN_OFFSET, _COMMENT = 0x9003, 0x9011, 0x9286
_OF_WINDOWS = {
    0x9C9B: "title", 0x9C9C: "description", 0x9C9D: "creators", 0x9C9E: "keywords", 0x9C9F: "subject",
}  # fmt: skip
_COMMENT_ENCODINGS = {
    b"ASCII\0\0\0": "ascii",
    b"UNICODE\0": "utf-16",
    b"JIS\0\0\0\0\0": "iso2022_jp",
}
_LATITUDE, _LONGITUDE, _ALTITUDE = 2, 4, 6
_NORTH_OR_SOUTH, _EAST_OR_WEST, _ABOVE_OR_BELOW = 1, 3, 5
# IPTC-IIM 4.2, chapter 6
_IPTC = {
    (2, 5): "title", (2, 80): "creators", (2, 120): "description", (2, 25): "keywords", (2, 116): "rights",
}  # fmt: skip
_PNG_TEXTS = {
    "Title": "title", "Author": "creators", "Description": "description", "Copyright": "rights",
    "Creation Time": "created", "Software": "software", "Comment": "description", "comment": "description",
}  # fmt: skip
_XMP = ("xmp", "XML:com.adobe.xmp")


def read_picture_metadata(image: Image.Image, into: Collector) -> None:
    """Take what an open picture says; what is broken is passed over. Its pixels are not touched."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata is no concern of ours
        for read in (_read_exif, _read_texts, _read_iptc, _read_xmp):
            with suppress(
                Exception
            ):  # the parsers raise anything on odd files, and the picture is what counts
                read(image, into)
    into.put("width", image.width)
    into.put("height", image.height)


def _read_exif(image: Image.Image, into: Collector) -> None:
    exif = image.getexif()
    if not exif:
        return
    shot = exif.get_ifd(_EXIF)
    taken = _text(shot.get(_TAKEN))
    into.put("created", f"{taken}{_text(shot.get(_TAKEN_OFFSET))}" if taken else None)
    for fields, values in ((_OF_PICTURE, exif), (_OF_SHOT, shot)):
        for tag, name in fields.items():
            into.put(name, _value(values.get(tag)))
    for tag, name in _OF_WINDOWS.items():
        given = exif.get(tag)
        if isinstance(given, bytes):
            into.put(name, given.decode("utf-16-le", "replace").rstrip("\0"))
    into.put("description", _comment(shot.get(_COMMENT)))
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    into.put("camera", model if model.startswith(make) else f"{make} {model}")
    _read_place(exif.get_ifd(_GPS), into)


def _read_place(gps: Mapping[int, Any], into: Collector) -> None:
    latitude = _degrees(gps.get(_LATITUDE), gps.get(_NORTH_OR_SOUTH), 90)
    longitude = _degrees(gps.get(_LONGITUDE), gps.get(_EAST_OR_WEST), 180)
    if latitude is None or longitude is None:
        return
    into.put("latitude", latitude)
    into.put("longitude", longitude)
    if gps.get(_ALTITUDE) is not None:
        height = round(float(gps[_ALTITUDE]), 1)
        is_below = gps.get(_ABOVE_OR_BELOW) in {1, b"\1"}
        into.put("altitude_m", -height if is_below else height)


def _degrees(parts: Any, reference: object, most: int) -> float | None:
    """Give an angle out of degrees, minutes and seconds; None where it is none."""
    if parts is None or len(parts) != 3:
        return None
    degrees, minutes, seconds = (float(part) for part in parts)
    angle = round(degrees + minutes / 60 + seconds / 3600, 6)
    if not 0 <= angle <= most:
        return None
    return -angle if _text(reference) in {"S", "W"} else angle


def _read_texts(image: Image.Image, into: Collector) -> None:
    for key, name in _PNG_TEXTS.items():
        into.put(name, _text(image.info.get(key)))


def _read_iptc(image: Image.Image, into: Collector) -> None:
    if not isinstance(image, ImageFile.ImageFile):
        return
    for key, value in (IptcImagePlugin.getiptcinfo(image) or {}).items():
        if key in _IPTC:
            for one in value if isinstance(value, list) else [value]:
                into.put(_IPTC[key], _text(one))


def _read_xmp(image: Image.Image, into: Collector) -> None:
    for key in _XMP:
        packet = image.info.get(key)
        if packet:
            read_xmp(packet.encode() if isinstance(packet, str) else bytes(packet), into)


def _comment(value: object) -> str:
    if not isinstance(value, bytes):
        return ""
    codec = _COMMENT_ENCODINGS.get(value[:8])
    return value[8:].decode(codec, "replace").strip("\0 ") if codec else ""


def _value(value: Any) -> object:
    """Give a tag as text or number; Pillow's rationals are numbers of their own."""
    if isinstance(value, str | bytes):
        return _text(value)
    if isinstance(value, tuple):
        return _value(value[0]) if value else None
    return None if value is None else value if isinstance(value, int) else round(float(value), 6)


def _text(value: object) -> str:
    """Give a text tag. The standard has ASCII there; programs write UTF-8, which Pillow takes for Latin-1."""
    if isinstance(value, bytes):
        return decode(value).strip("\0 ")
    return repaired(value).strip("\0 ") if isinstance(value, str) else ""
