"""Letters taken apart: what is kept of them, under which names, whatever is wrong with them."""

import base64
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from backend.intake import letters
from backend.intake.letters import read_letter
from backend.intake.models import Keeps

BOUNDARY = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def letter(
    *, message_id: str | None = "<1@example.org>", subject: str = "Your invoice"
) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = "Billing <billing@example.org>"
    made["To"] = "scans@example.org"
    made["Subject"] = subject
    made["Date"] = "Mon, 02 Mar 2026 09:14:00 +0100"
    if message_id is not None:
        made["Message-ID"] = message_id
    made.set_content("Please find it attached.\n")
    return made


def with_pdf(name: str = "invoice.pdf", content: bytes = b"%PDF-1.4") -> EmailMessage:
    made = letter()
    made.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return made


def names(data: bytes, keeps: Keeps = Keeps.ATTACHMENTS) -> list[str]:
    return [part.name for part in read_letter(data, keeps).parts]


@pytest.mark.parametrize(
    ("keeps", "expected"),
    [
        (Keeps.MESSAGE, ["Your invoice.eml"]),
        (Keeps.ATTACHMENTS, ["invoice.pdf"]),
        (Keeps.BOTH, ["Your invoice.eml", "invoice.pdf"]),
    ],
    ids=["message", "attachments", "both"],
)
def test_what_is_kept(keeps: Keeps, expected: list[str]) -> None:
    data = with_pdf().as_bytes()
    read = read_letter(data, keeps)
    assert [part.name for part in read.parts] == expected
    assert (read.sender, read.subject) == ("billing@example.org", "Your invoice")
    assert read.at.isoformat() == "2026-03-02T08:14:00+00:00"
    kept = {part.name: part.data for part in read.parts}
    assert kept.get("Your invoice.eml", data) == data
    assert kept.get("invoice.pdf", b"%PDF-1.4") == b"%PDF-1.4"


def test_a_letter_without_attachments_is_kept_itself() -> None:
    assert names(letter().as_bytes()) == ["Your invoice.eml"]


def test_pictures_in_a_text_belong_to_it_and_pictures_beside_it_do_not() -> None:
    made = letter()
    made.add_alternative("<img src='cid:logo'>", subtype="html")
    html = made.get_body(("html",))
    assert html is not None
    html.add_related(
        b"logo", "image", "png", cid="<logo>", filename="logo.png", disposition="inline"
    )
    made.add_attachment(b"scan", maintype="image", subtype="png", filename="scan.png")
    assert names(made.as_bytes()) == ["scan.png"]


def test_a_letter_in_a_letter_is_one_attachment() -> None:
    made = letter(subject="Fwd")
    made.add_attachment(with_pdf())
    read = read_letter(made.as_bytes(), Keeps.ATTACHMENTS)
    assert [part.name for part in read.parts] == ["Your invoice.eml"]
    assert b"invoice.pdf" in read.parts[0].data


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b'filename="=?utf-8?B?w5xiZXJ3ZWlzdW5nLnBkZg==?="', "Überweisung.pdf"),
        (b"filename*=utf-8''%C3%9Cberweisung.pdf", "Überweisung.pdf"),
        (b"filename*=iso-8859-1'de'%DCberweisung.pdf", "Überweisung.pdf"),
        (b"filename*0=long; filename*1=er.pdf", "longer.pdf"),
        ('filename="Überweisung.pdf"'.encode(), "Überweisung.pdf"),
        (b'filename="\xdcber.pdf"', "\ufffdber.pdf"),
        (b'filename="=?nonsense?B?w5xi?="', "=?nonsense?B?w5xi?="),
        (b"filename*=nonsense''%C3%9C.pdf", "Ã\x9c.pdf"),
        (b"filename=", "attachment.pdf"),
    ],
    ids=["2047", "2231", "latin-1", "continued", "utf-8", "bytes", "charset", "2231-bad", "none"],
)
def test_names_however_they_are_written(field: bytes, expected: str) -> None:
    part = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; " + field
    data = b"From: a@b.c\r\n" + BOUNDARY + b"--b\r\n" + part + b"\r\n\r\nx\r\n--b--\r\n"
    [name] = names(data)
    assert name == expected.replace("\x9c", "") or name == expected.replace("\x9c", " ")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?iso-8859-1?Q?Gr=FC=DFe?= and more", "Grüße and more"),
        ("Grüße".encode(), "Grüße"),
        (b"Gr\xfc\xdfe", "Gr\ufffd\ufffde"),
        (b"=?utf-8?B?!!!?=", None),
        (b"two\r\n lines", "two lines"),
        (b"=?utf-8?Q?line=0Abreak=00?=", "line break"),
    ],
    ids=["utf-8", "latin-1", "raw", "bytes", "broken", "folded", "control"],
)
def test_subjects_however_they_are_written(subject: bytes, expected: str | None) -> None:
    read = read_letter(b"Subject: " + subject + b"\r\n\r\ntext", Keeps.MESSAGE)
    assert read.subject == expected


def test_the_same_letter_is_known_whatever_way_it_came() -> None:
    data = with_pdf().as_bytes()
    relayed = b"Received: from elsewhere\r\nX-Spam: no\r\n" + data.replace(b"\r\n", b"\n")
    assert read_letter(data, Keeps.BOTH).key == read_letter(relayed, Keeps.BOTH).key
    other = with_pdf(content=b"%PDF-1.5").as_bytes()
    assert read_letter(data, Keeps.BOTH).key != read_letter(other, Keeps.BOTH).key
    nameless = [letter(message_id=None, subject=one).as_bytes() for one in ("a", "b")]
    assert len({read_letter(one, Keeps.BOTH).key for one in nameless}) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe",
        b"no header at all",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        BOUNDARY + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"From: =?\r\nDate: nonsense\r\nContent-Type: ;;;\r\nSubject:\r\n\r\nx",
        b"Content-Disposition: attachment; filename*0*=x''%\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n=A",
        b"Date: Mon, 99 Foo 0000 99:99:99 +9999\r\n\r\nx",
        b"Date: Fri, 31 Dec 9999 23:59:59 -2359\r\n\r\nx",
    ],
    ids=[str(number) for number in range(10)],
)
def test_broken_letters_are_kept_as_they_are(data: bytes) -> None:
    read = read_letter(data, Keeps.BOTH)
    assert read.parts[0].data == data


def test_what_is_too_deep_or_has_too_many_parts_is_kept_as_a_message_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep = b""
    for level in range(letters._MOST_MULTIPARTS + 1):
        deep += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    assert names(deep) == ["letter.eml"]
    part = b"--b\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n"
    assert names(BOUNDARY + part * 3 + b"--b--") == ["a"] * 3
    assert names(BOUNDARY + part * (letters._MOST_PARTS + 1) + b"--b--") == ["letter.eml"]
    nested = b"Content-Type: message/rfc822\r\n\r\n"
    for levels, parts in ((letters._DEEPEST - 1, 2), (letters._DEEPEST, 1)):
        assert len(read_letter(nested * levels + b"x", Keeps.BOTH).parts) == parts
    monkeypatch.setattr(letters, "_MOST_LINES", 10)
    assert names(BOUNDARY + part * 3 + b"--b--") == ["letter.eml"]


def test_content_is_decoded_as_it_was_sent() -> None:
    content = bytes(range(256)) * 100
    assert read_letter(with_pdf(content=content).as_bytes(), Keeps.ATTACHMENTS).parts[0].data == (
        content
    )
    encoded = base64.encodebytes(content)
    part = b"--b\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n" + encoded
    read = read_letter(BOUNDARY.replace(b"\r\n", b"\n") + part + b"--b--\n", Keeps.ATTACHMENTS)
    assert read.parts[0].data == content


HOSTILE = {
    "boundary": b"Content-Type: multipart/mixed; " + b";" * 5_000_000 + b"\r\n\r\nx",
    "filename": b"Content-Disposition: attachment; " + b'";' * 2_500_000 + b"\r\n\r\nx",
    "comments": b"From: " + b"(" * 5_000_000 + b"\r\n\r\nx",
    "words": b"Subject: " + b"=?a?q?" * 1_000_000 + b"\r\n\r\nx",
    "parts": BOUNDARY + b"--b\n\n" * 400_000,
    "blocks": b"Content-Type: message/delivery-status\n\n" + b"a:b\n\n" * 400_000,
    "nested boundaries": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
        for level in range(letters._MOST_MULTIPARTS)
    )
    + b"\n-\n" * 450_000,
    "nested letters": b"Content-Type: message/rfc822\n\n" * 200 + b"x" * 30_000_000,
    "codec": BOUNDARY
    + b"--b\nContent-Disposition: attachment\nContent-Type: text/plain; charset=punycode\n\n"
    + b"a" * 500_000
    + b"\xff-"
    + b"a" * 500_000,
    "field within": BOUNDARY
    + b"--b\nContent-Type: message/rfc822\n\nX: "
    + b"a\x0b" * 500_000
    + b"\n\nx\n--b--",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_made_to_keep_us_busy_does_not(data: bytes) -> None:
    begun = time.thread_time()
    read = read_letter(data, Keeps.BOTH)
    assert time.thread_time() - begun < 10
    assert read.parts[0].data == data


def test_lines_that_end_otherwise_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    part = b"--b\r\nContent-Disposition: attachment; filename=a\r\n\r\n"
    monkeypatch.setattr(letters, "_MOST_LINES", 10)
    assert names(BOUNDARY + part + b"x\r\n" * 4) == ["a"]
    assert names(BOUNDARY + part + b"x\r" * 10) == ["letter.eml"]
    assert names(BOUNDARY + part + b"x\n" * 10) == ["letter.eml"]


def test_who_sent_a_letter_is_nobody_where_the_field_is_broken() -> None:
    read = read_letter(b"From: " + b"(" * 2_000 + b"\r\nSubject: s\r\n\r\nx", Keeps.BOTH)
    assert (read.subject, read.sender) == ("s", "(" * 1_000)


def test_an_attached_letter_is_as_it_came() -> None:
    inner = (
        b"Subject: a\n\tfolded  line that is longer than what a header is folded at: "
        + "Grüße".encode()
        + b"\nX: =?nonsense\n\ntext\n"
    )
    outer = BOUNDARY + b"--b\nContent-Type: message/rfc822\n\n" + inner + b"\n--b--\n"
    [part] = read_letter(outer, Keeps.ATTACHMENTS).parts
    assert part.data == inner
