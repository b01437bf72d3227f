from datetime import UTC, datetime
from typing import Any

import pytest

from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader
from worker.extraction.metadata import Collector, Metadata, moment_of


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03-02T09:00:00Z", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02T09:00:00.123+0130", "2026-03-02T09:00:00+01:30"),
        ("2026-03-02T09:00", "2026-03-02T09:00:00"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03", "2026-03"),
        ("2026", "2026"),
        ("D:20260302090000+01'00'", "2026-03-02T09:00:00+01:00"),
        ("D:20260302090000Z00'00'", "2026-03-02T09:00:00+00:00"),
        ("D:20260302", "2026-03-02"),
        ("2026:03:02 09:00:00", "2026-03-02T09:00:00"),
        ("UTC 2026-03-02 09:00:00", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02 09:00:00 UTC", "2026-03-02T09:00:00+00:00"),
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "2026-03-02T09:00:00+00:00"),
        ("2026-13-02", None),
        ("0000:00:00 00:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_in_any_notation(given: object, expected: str | None) -> None:
    assert moment_of(given) == expected


def test_values_are_cleaned_cut_and_kept_once() -> None:
    collected = Collector()
    collected.put("title", "")
    collected.put("title", "  The\0 first ")
    collected.put("title", "a second")
    collected.put("creators", "Ada; Bob;Ada")
    collected.put("keywords", ["lathe, drill", "lathe"])
    collected.put("created", "no time")
    collected.put("description", "x" * 10_000)
    collected.put("width", 640)
    collected.put("duration_seconds", float("inf"))
    collected.put("camera", None)
    metadata = collected.finish()

    assert metadata == Metadata(
        title="The first",
        creators=("Ada", "Bob"),
        keywords=("lathe", "drill"),
        description="x" * 2_000,
        extra={"width": 640},
    )
    assert Metadata.from_json(metadata.to_json()) == metadata


def test_a_search_finds_names_and_not_places_or_numbers() -> None:
    collected = Collector()
    for name, value in {
        "title": "Harbour",
        "creators": "Ada",
        "camera": "Examplex",
        "latitude": 53.54,
        "video_codec": "AVC",
        "custom:Matter": "A-17",
    }.items():
        collected.put(name, value)

    assert collected.finish().words() == "Harbour\nAda\nExamplex\nA-17"


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"title": 5},
        {"title": ""},
        {"title": "x" * 2_001},
        {"title": "a\0b"},
        {"title": "\ud800"},
        {"creators": "Ada"},
        {"creators": ["a"] * 101},
        {"creators": [None]},
        {"created": "2026-02-30"},
        {"created": "now"},
        {"created": "2026-03-02T09:00:00+99:99"},
        {"extra": []},
        {"extra": {"a": None}},
        {"extra": {"a": float("nan")}},
        {"extra": {"a": 2**60}},
        {"extra": {"a": {"b": 1}}},
        {"extra": {"x" * 200: 1}},
        {"extra": {str(number): 1 for number in range(101)}},
    ],
    ids=range(19),
)  # fmt: skip
def test_what_a_hostile_reader_answers_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Metadata.from_json(value)


def test_office_files(read: Reader) -> None:
    metadata = read(samples.word_document(), "a.docx").metadata

    assert (metadata.title, metadata.creators) == ("Rahmenvertrag", ("python-docx",))
    assert metadata.created == "2013-12-23T23:15:00+00:00"


def test_pdf(read: Reader) -> None:
    data = samples.pdf([samples.text_page(["words"])], title="Mietvertrag", author="Ada")
    metadata = read(data, "a.pdf").metadata

    assert (metadata.title, metadata.creators) == ("Mietvertrag", ("Ada",))
    assert metadata.extra["pdf_version"] == "1.3"


def test_mail(read: Reader) -> None:
    metadata = read(
        samples.mail(("a.docx", "application/x", samples.word_document())), "a.eml"
    ).metadata

    assert metadata.title == "Rechnung für März"
    assert metadata.creators == ("Jürgen Groß <jg@example.org>",)
    assert metadata.created == "2026-03-02T09:00:00+01:00"
    assert metadata.extra["to"] == ("office@example.org",)
    assert metadata.extra["attachments"] == ("a.docx",)


def test_it_comes_out_of_the_sandbox_as_it_went_in(read_bounded: Reader, read: Reader) -> None:
    data = samples.mail()
    assert read_bounded(data, "a.eml") == read(data, "a.eml")
