"""Sound and film: what the file says about itself and how it is made, by MediaInfo. What is said in it is not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pymediainfo

from worker.extraction.errors import Damaged
from worker.extraction.metadata import Collector, first_of
from worker.extraction.reading import Content, Context, Source
from worker.extraction.text import repaired

MEDIA_TYPES = ("audio/*", "video/*")

_GENERAL = {
    "title": ("Title", "Track", "Movie"), "creators": ("Performer", "Artist", "Director", "Author"),
    "contributors": ("Composer",), "publisher": ("Publisher",), "rights": ("Copyright",),
    "description": ("Description", "Comment"), "keywords": ("Keywords",), "album": ("Album",), "genre": ("Genre",),
    "created": ("Recorded_Date", "Released_Date", "Encoded_Date"), "modified": ("Tagged_Date",),
    "software": ("Encoded_Application", "Encoded_Library"), "container": ("Format",),
}  # fmt: skip
_NUMBERS = {"duration_seconds": "Duration", "bit_rate": "OverallBitRate", "track": "Track_Position"}
_VIDEO = {"width": "Width", "height": "Height", "frame_rate": "FrameRate"}
_AUDIO = {"channels": "Channels", "sample_rate": "SamplingRate"}
# Below a half it tells the length of what it looked at, not of the whole
_SPEED = 0.5


def read(source: Source, context: Context, content: Content) -> None:
    """Take the metadata of a recording; it has no text."""
    content.read_by("mediainfo")
    source.stream.seek(0)
    report = pymediainfo.MediaInfo.parse(
        source.stream, output="JSON", parse_speed=_SPEED, full=True, buffer_size=1 << 20
    )
    context.check_time(content)
    tracks = _tracks(report)
    if not any(track.get("@type") in {"Audio", "Video"} for track in tracks):
        raise Damaged("There is no sound and no picture in it that can be told.")
    for track in tracks:
        _take(track, content.metadata)
    content.note(
        "It is a recording: what is said in it is not read, only what the file says of it."
    )


def _tracks(report: str) -> list[Mapping[str, Any]]:
    try:
        media = json.loads(report).get("media") or {}
    except (ValueError, AttributeError) as problem:
        raise Damaged("The recording is broken.") from problem
    tracks = media.get("track", [])
    return [track for track in tracks if isinstance(track, dict)]


def _take(track: Mapping[str, Any], into: Collector) -> None:
    kind = track.get("@type")
    if kind == "General":
        for name, keys in _GENERAL.items():
            into.put(name, repaired(first_of(track.get(key) for key in keys)))
        _take_numbers(track, _NUMBERS, into)
    elif kind == "Video":
        into.put("video_codec", track.get("Format"))
        _take_numbers(track, _VIDEO, into)
    elif kind == "Audio":
        into.put("audio_codec", track.get("Format"))
        into.put("language", track.get("Language"))
        _take_numbers(track, _AUDIO, into)


def _take_numbers(track: Mapping[str, Any], fields: Mapping[str, str], into: Collector) -> None:
    for name, key in fields.items():
        try:
            number = float(track.get(key, ""))
        except ValueError:
            continue
        into.put(name, int(number) if number.is_integer() else number)
