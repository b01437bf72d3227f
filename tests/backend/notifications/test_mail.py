"""Letters, handed to a real mail server."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.core.settings import Settings
from backend.notifications.mail import (
    Language,
    Letter,
    MailServerError,
    UndeliverableError,
    send,
)
from tests.support import mail
from tests.support.mail import MailServer, certificate, mail_server

LETTER = Letter(
    Language.GERMAN,
    "Einladung zu\r\nBcc: eve@example.org",
    ("Grüße <b>an</b> alle",),
    "https://dms.test/a?b=1&c=2#d",
    "Öffnen",
    ("Einmal.",),
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


def settings(url: str, **given: object) -> Settings:
    return Settings(smtp_url=url, mail_from="DMS <dms@example.org>", **given)  # type: ignore[arg-type]


def post(url: str, to: str = "grace@example.org", letter: Letter = LETTER, **given: object) -> None:
    server = settings(url, **given).mail_server
    assert server is not None
    send(server, letter, to=to)


def test_a_letter_arrives_as_text_and_as_html(server: MailServer) -> None:
    post(f"smtp+plain://127.0.0.1:{server.port}")
    [letter] = server.letters
    assert letter.to == ["grace@example.org"]
    assert letter.message["From"] == "DMS <dms@example.org>"
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert letter.message["Subject"] == "Einladung zu Bcc: eve@example.org"
    assert letter.message["Bcc"] is None
    assert letter.text == (
        "Grüße <b>an</b> alle\n\nÖffnen:\nhttps://dms.test/a?b=1&c=2#d\n\nEinmal.\n"
    )
    assert "Grüße &lt;b&gt;an&lt;/b&gt; alle" in letter.html
    assert 'href="https://dms.test/a?b=1&amp;c=2#d"' in letter.html


def test_starttls_and_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(pem)
    with mail_server(starttls=trust) as server:
        url = f"smtp://{mail.USER}@127.0.0.1:{server.port}"
        with pytest.raises(MailServerError, match="CERTIFICATE_VERIFY_FAILED"):
            post(url, smtp_password=mail.PASSWORD)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with pytest.raises(MailServerError, match="SMTPAuthenticationError"):
            post(url, smtp_password="wrong")
        post(url, smtp_password=mail.PASSWORD)
        [letter] = server.letters
    assert (letter.encrypted, letter.user) == (True, mail.USER)


def test_a_server_without_starttls_gets_nothing(server: MailServer) -> None:
    with pytest.raises(MailServerError):
        post(f"smtp://127.0.0.1:{server.port}")
    assert server.letters == []


def test_what_is_refused_for_now_and_for_good(server: MailServer) -> None:
    url = f"smtp+plain://127.0.0.1:{server.port}"
    for answer, kind in (("450 later", MailServerError), ("550 nobody", UndeliverableError)):
        server.refuse_recipient = answer
        with pytest.raises(kind):
            post(url)
    server.refuse_recipient = None
    for answer, kind in (("451 later", MailServerError), ("554 spam", UndeliverableError)):
        server.refuse_data = answer
        with pytest.raises(kind):
            post(url)
    server.refuse_data = None
    for address in ("a b@example.org", "nobody", "x@y@z"):
        with pytest.raises(UndeliverableError):
            post(url, to=address)
    with pytest.raises(MailServerError):
        post("smtp+plain://127.0.0.1:1")


def test_addresses_in_other_scripts(server: MailServer) -> None:
    post(f"smtp+plain://127.0.0.1:{server.port}", to="grüße@example.org")
    [letter] = server.letters
    assert letter.to == ["grüße@example.org"]


@pytest.mark.parametrize(
    ("url", "port", "starttls", "encrypted"),
    [
        ("smtp://u@mail.test", 587, True, False),
        ("smtps://u@mail.test", 465, False, True),
        ("smtp+plain://mail.test", 25, False, False),
    ],
)
def test_how_the_server_is_reached(url: str, port: int, starttls: bool, encrypted: bool) -> None:  # noqa: FBT001
    server = settings(url).mail_server
    assert server is not None
    assert (server.host, server.port) == ("mail.test", port)
    assert (server.starttls, server.encrypted_from_start) == (starttls, encrypted)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"smtp_url": "smtp://u:p@mail.test", "mail_from": "a@b"}, "DMS_SMTP_PASSWORD"),
        ({"smtp_url": "smtp+plain://u@mail.test", "mail_from": "a@b"}, "in the clear"),
        ({"smtp_url": "smtp://mail.test"}, "DMS_MAIL_FROM"),
        ({"smtp_password": "schlüssel"}, "ASCII"),
        ({"smtp_url": "http://mail.test", "mail_from": "a@b"}, "scheme"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(**given)  # type: ignore[arg-type]


def test_the_password_is_in_no_representation() -> None:
    found = settings("smtp://u@mail.test", smtp_password="secret word")
    assert "secret word" not in repr(found)
    assert "secret word" not in repr(found.mail_server)
