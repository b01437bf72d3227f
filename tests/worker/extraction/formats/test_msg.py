import struct

import pytest

from backend.content.media_types import MSG
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader

SUBJECT, SENDER, ADDRESS, BODY, HTML, RTF = 0x0037, 0x0C1A, 0x5D01, 0x1000, 0x1013, 0x1009
SENT = 134_169_156_000_000_000
"""2 March 2026, 09:00:00 UTC, in units of 100 ns since 1601."""
HEADER = {SUBJECT: "Rechnung für März", SENDER: "Jürgen Groß", ADDRESS: "jg@example.org"}


def test_header_body_and_attachments(read: Reader) -> None:
    streams = samples.outlook_message(
        HEADER | {BODY: "Please find the invoice attached."},
        recipients=[(1, "Office", "office@example.org"), (2, "Ada", "ada@example.org")],
        attachments=[("contract.docx", samples.word_document()), ("note.txt", b"by the way")],
        sent=SENT,
    )
    result = read(samples.compound_file(streams), "a.msg")

    assert (result.status, result.media_type) == ("indexed", MSG)
    lines = result.text.split("\n")
    assert lines[:4] == [
        "Rechnung für März", "Jürgen Groß <jg@example.org>", "Office <office@example.org>", "Ada <ada@example.org>",
    ]  # fmt: skip
    assert "Please find the invoice attached." in lines
    assert lines[lines.index("note.txt") + 1] == "by the way"
    assert "Forty machines\twithin thirty days." in lines
    assert result.metadata.title == "Rechnung für März"
    assert result.metadata.creators == ("Jürgen Groß <jg@example.org>",)
    assert result.metadata.created == "2026-03-02T09:00:00+00:00"
    assert result.metadata.extra == {
        "to": ("Office <office@example.org>",),
        "cc": ("Ada <ada@example.org>",),
        "attachments": ("contract.docx", "note.txt"),
    }


def test_a_message_within_is_read_and_the_depth_is_bounded(read: Reader) -> None:
    streams = samples.outlook_message(HEADER | {BODY: "innermost"})
    for number in range(5):
        streams = samples.outlook_message(HEADER | {BODY: f"level {number}"}, inner=streams)
    result = read(samples.compound_file(streams), "a.msg", depth=3)

    assert [line for line in result.text.split("\n") if line.startswith("level")] == [
        "level 4", "level 3", "level 2", "level 1",
    ]  # fmt: skip
    assert result.truncated
    assert "nested deeper" in result.detail


def compressed(rtf: bytes, *, plainly: bool = False) -> bytes:
    """Pack Rich Text as Outlook does, without references: eight bytes behind each byte of flags."""
    pieces = (b"\0" + rtf[at : at + 8] for at in range(0, len(rtf), 8))
    packed = rtf if plainly else b"".join(pieces)
    kind = b"MELA" if plainly else b"LZFu"
    return struct.pack("<II4sI", len(packed) + 12, len(rtf), kind, 0) + packed


# The example of [MS-OXRTFCP] 4.1.1: `{\rtf1\ansi\ansicpg1252\pard hello world}` with references
EXAMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af320"
    "68656c090020627705b06c647d0a800fa0"
)


OF_A_PAGE = (
    rb"{\rtf1\ansi\fromhtml1{\*\htmltag <p>}\htmlrtf {\b \htmlrtf0 shown\htmlrtf }\htmlrtf0}"
)


@pytest.mark.parametrize(
    ("binaries", "expected"),
    [
        ({HTML: b"<p>from <b>a page</b></p>"}, "from a page"),
        ({RTF: compressed(rb"{\rtf1\ansi packed text}")}, "packed text"),
        ({RTF: compressed(rb"{\rtf1\ansi plain text}", plainly=True)}, "plain text"),
        ({RTF: EXAMPLE}, "hello world"),
        (
            {RTF: compressed(OF_A_PAGE)},
            "shown",
        ),
    ],
    ids=["html", "packed", "plain", "references", "html in rtf"],
)  # fmt: skip
def test_other_bodies(read: Reader, binaries: dict[int, bytes], expected: str) -> None:
    streams = samples.outlook_message({SUBJECT: "Subject"}, binaries=binaries)

    assert read(samples.compound_file(streams), "a.msg").text == f"Subject\n{expected}"


def test_text_of_code_pages(read: Reader) -> None:
    streams = samples.outlook_message({})
    streams["__properties_version1.0"] += struct.pack("<HHIQ", 3, 0x3FFD, 2, 1251)
    streams["__substg1.0_0037001E"] = "Договор".encode("cp1251")
    streams["__substg1.0_1000001E"] = "Срок оплаты".encode("cp1251")

    assert read(samples.compound_file(streams), "a.msg").text == "Договор\nСрок оплаты"
