"""A mailbox on a real server: its letters are filed once, and marked, moved or deleted only then."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest

from backend.content.service import Content
from backend.intake import mailboxes
from backend.intake.errors import SourceUnreachableError
from backend.intake.letters import Letter
from backend.intake.mailboxes import Account, Mailbox
from backend.intake.models import Keeps
from backend.intake.schemas import Security
from backend.intake.service import checking, collecting, posting
from tests.backend.intake.conftest import Ways
from tests.backend.intake.test_letters import letter, with_pdf
from tests.backend.intake.test_watching import EICAR
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot
from tests.support.mail import certificate


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dovecot]:
    with dovecot() as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        yield running


def settings_of(server: Dovecot, **values: Any) -> dict[str, Any]:
    return {
        "kind": "mailbox",
        "host": "127.0.0.1",
        "port": server.tls_port,
        "user": USER,
        "password": PASSWORD,
        **values,
    }


def account_of(server: Dovecot, **values: Any) -> Account:
    given = {
        "host": "127.0.0.1",
        "port": server.tls_port,
        "security": Security.TLS,
        "user": USER,
        "mailbox": "INBOX",
        "password": PASSWORD,
    }
    return Account(**{**given, **values})


async def test_letters_are_filed_and_marked(ways: Ways, server: Dovecot) -> None:
    server.deliver(with_pdf().as_bytes())
    server.deliver(letter(message_id="<2@example.org>", subject="Grüße: / ok?").as_bytes())
    source = await ways.source(settings_of(server))
    shown = await ways.look(source)
    assert (shown["state"], shown["last_error"]) == ("working", None)
    assert shown["filed"] == 3
    documents = await ways.documents(source["folder"]["id"])
    assert set(documents) == {"Your invoice.eml", "invoice.pdf", "Grüße: _ ok?.eml"}
    assert server.flags() == [{r"\Seen"}, {r"\Seen"}]
    [message, attachment, _] = await ways.items()
    assert (attachment["sender"], attachment["subject"]) == ("billing@example.org", "Your invoice")
    assert message["size"] > attachment["size"] == 8
    assert (await ways.look(source))["filed"] == 3


@pytest.mark.parametrize("security", ["starttls", "plain"])
async def test_other_ways_to_connect(ways: Ways, server: Dovecot, security: str) -> None:
    server.deliver(letter().as_bytes())
    settings = settings_of(server, security=security, port=server.plain_port)
    source = await ways.source(settings)
    checked = (await ways.api.post(f"/intake/sources/{source['id']}/check")).json()
    assert checked == {"ok": True, "detail": "1 letter waits in INBOX."}
    assert (await ways.look(source))["filed"] == 1


async def test_letters_are_moved_or_deleted_once_they_are_filed(
    ways: Ways, server: Dovecot
) -> None:
    server.create("Gr&APwA3w-e")  # Grüße, as IMAP writes it
    server.deliver(with_pdf().as_bytes())
    settings = settings_of(server, after="move", moved_to="Grüße")
    await ways.look(await ways.source(settings))
    assert (server.flags(), server.flags("Gr&APwA3w-e")) == ([], [set()])
    server.deliver(with_pdf().as_bytes())
    shown = await ways.look(await ways.source(settings_of(server, after="delete")))
    assert (shown["filed"], server.flags()) == (2, [])


async def test_a_mailbox_to_move_to_that_is_not_there_stops_everything(
    ways: Ways, server: Dovecot
) -> None:
    server.deliver(letter().as_bytes())
    settings = settings_of(server, after="move", moved_to="Nowhere")
    source = await ways.source(settings)
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"], server.flags()) == ("failing", 0, [set()])
    assert "Nowhere" in shown["last_error"]


async def test_what_cannot_be_filed_holds_up_no_other(ways: Ways, server: Dovecot) -> None:
    server.deliver(with_pdf("virus.com", EICAR).as_bytes())
    server.deliver(letter(message_id="<2@example.org>", subject="Second").as_bytes())
    source = await ways.source(settings_of(server, after="delete"), keeps="attachments")
    shown = await ways.look(source)
    assert (shown["filed"], shown["refused"]) == (1, 1)
    assert server.flags() == [{r"\Flagged"}]
    [item] = await ways.items(state="refused")
    assert (item["name"], item["tries"]) == ("virus.com", 1)
    assert (await ways.look(source))["refused"] == 1
    assert (await ways.items(state="refused"))[0]["tries"] == 1
    assert (await ways.api.post(f"/intake/items/{item['id']}/retry")).status_code == 202
    await ways.look(source)
    assert (await ways.items(state="refused"))[0]["tries"] == 1  # counted anew


async def test_the_same_letter_twice_is_filed_once(ways: Ways, server: Dovecot) -> None:
    data = with_pdf().as_bytes()
    server.deliver(data)
    server.deliver(b"Received: by another way\r\n" + data)
    source = await ways.source(settings_of(server))
    assert (await ways.look(source))["filed"] == 2
    assert server.flags() == [{r"\Seen"}, {r"\Seen"}]


async def test_what_is_kept_of_letters_changes_and_nothing_is_filed_twice_or_lost(
    ways: Ways, server: Dovecot
) -> None:
    data = with_pdf().as_bytes()
    source = await ways.source(settings_of(server), keeps="message")
    for keeps in ("message", "attachments", "both"):
        await ways.api.patch(f"/intake/sources/{source['id']}", {"keeps": keeps})
        server.deliver(data)
        await ways.look(source)
    documents = await ways.documents(source["folder"]["id"])
    assert set(documents) == {"Your invoice.eml", "invoice.pdf"}


async def killed(*_: Any, **__: Any) -> None:
    raise asyncio.CancelledError


def before_the_mark(in_thread: Any) -> Any:
    """Return what dies where a letter was to be marked."""

    async def run(function: Any, *arguments: Any) -> Any:
        if function is collecting._let_go:
            await killed()
        return await in_thread(function, *arguments)

    return run


async def test_killed_before_the_mark_it_is_only_marked(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deliver(with_pdf().as_bytes())
    source = await ways.source(settings_of(server))
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "_in_thread", before_the_mark(collecting._in_thread))
        with pytest.raises(asyncio.CancelledError):
            await ways.look(source)
    assert server.flags() == [set()]
    await ways.forget_lease(source)
    assert (await ways.look(source))["filed"] == 2
    assert server.flags() == [{r"\Seen"}]


async def test_killed_between_two_parts_the_other_is_filed(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deliver(with_pdf("virus.com", EICAR).as_bytes())
    source = await ways.source(settings_of(server))
    await ways.api.put("/storage/limits", {"refused": [".eml"]})
    file_item = posting.file_item

    async def once(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(posting, "file_item", killed)
        return await file_item(*arguments, **named)

    monkeypatch.setattr(posting, "file_item", once)
    with pytest.raises(asyncio.CancelledError):
        await ways.look(source)
    assert [one["state"] for one in await ways.items()] == ["refused"]
    monkeypatch.setattr(posting, "file_item", file_item)
    await ways.forget_lease(source)
    await ways.look(source)
    assert [one["state"] for one in await ways.items()] == ["refused", "refused"]


async def test_a_letter_of_thirty_megabytes(ways: Ways, server: Dovecot) -> None:
    content = bytes(range(256)) * (30 * 2**20 // 256)
    server.deliver(with_pdf("large.pdf", content).as_bytes())
    source = await ways.source(settings_of(server), keeps="attachments")
    assert (await ways.look(source))["filed"] == 1
    [document] = (await ways.documents(source["folder"]["id"])).values()
    assert document["size"] == len(content)


async def test_what_goes_wrong_unforeseen_holds_up_no_other(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        server.deliver(letter(message_id=f"<{number}@x>", subject=f"L{number}").as_bytes())
    source = await ways.source(settings_of(server, after="delete"))
    read_letter = posting.read_letter

    def poisoned(data: bytes, keeps: Keeps) -> Letter:
        if b"L0" in data:
            raise RuntimeError("a library thought of nothing")
        return read_letter(data, keeps)

    with monkeypatch.context() as patch:
        patch.setattr(posting, "read_letter", poisoned)
        shown = await ways.look(source)
    assert (shown["filed"], shown["state"], len(server.flags())) == (1, "working", 1)
    [item] = await ways.items(state="failed")
    assert "not foreseen" in item["reason"]
    await ways.retry_now()
    assert ((await ways.look(source))["filed"], server.flags()) == (2, [])


async def test_a_letter_that_is_too_large_is_refused(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "LARGEST_LETTER", 100)
    server.deliver(letter().as_bytes())
    source = await ways.source(settings_of(server))
    assert (await ways.look(source))["refused"] == 1
    assert server.flags() == [{r"\Flagged", r"\Seen"}]
    [item] = await ways.items()
    assert "one that is fetched may have 100" in item["reason"]


async def test_what_fails_is_fetched_again_when_it_is_due(ways: Ways, server: Dovecot) -> None:
    server.deliver(letter().as_bytes())
    source = await ways.source(settings_of(server))
    await ways.send_nowhere()
    await ways.look(source)
    assert (server.flags(), (await ways.items())[0]["state"]) == ([set()], "failed")
    await ways.rules()
    await ways.retry_now()
    await ways.look(source)
    [item] = await ways.items()
    assert (item["state"], item["tries"], server.flags()) == ("filed", 2, [{r"\Seen"}])


async def test_without_room_the_source_fails_and_no_letter(ways: Ways, server: Dovecot) -> None:
    server.deliver(with_pdf("large.pdf", b"x" * 10_000).as_bytes())
    server.deliver(letter(message_id="<2@example.org>").as_bytes())
    source = await ways.source(settings_of(server))
    await ways.api.put("/storage/limits", {"quota": 5_000})
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("failing", 1)
    assert "may store 5000 bytes" in shown["last_error"]
    assert [one["state"] for one in await ways.items()] == ["filed"]
    await ways.api.put("/storage/limits", {"quota": None})
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("working", 3)
    assert [one["tries"] for one in await ways.items()] == [1, 1, 1]


async def test_a_letter_that_is_elsewhere_now_is_known_there(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_pdf("virus.com", EICAR).as_bytes()
    server.deliver(data)
    source = await ways.source(settings_of(server, after="delete"))
    await ways.look(source)
    with mailboxes.opened(account_of(server)) as mailbox:
        mailbox.delete(1)
    server.deliver(data)
    fetched = []
    fetch = Mailbox.fetch

    def counting(mailbox: Mailbox, uid: int, size: int) -> bytes | None:
        fetched.append(uid)
        return fetch(mailbox, uid, size)

    def scanned(*_: Any, **__: Any) -> None:
        raise AssertionError("it is scanned again")

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "fetch", counting)
        patch.setattr(Content, "receive", scanned)
        for _ in range(3):
            shown = await ways.look(source)
    assert (shown["state"], shown["filed"], shown["refused"]) == ("working", 0, 2)
    assert fetched == [2]
    assert server.flags() == [{r"\Flagged"}]


async def test_what_is_not_kept_any_more_is_not_tried_for_ever(ways: Ways, server: Dovecot) -> None:
    server.deliver(with_pdf().as_bytes())
    source = await ways.source(settings_of(server))
    await ways.send_nowhere()
    await ways.look(source)
    await ways.api.patch(f"/intake/sources/{source['id']}", {"keeps": "message"})
    await ways.rules()
    await ways.retry_now()
    await ways.look(source)
    [message, attachment] = await ways.items()
    assert (message["state"], attachment["state"]) == ("filed", "failed")
    assert "not among what is kept" in attachment["reason"]


async def test_a_wrong_password_is_said(ways: Ways, server: Dovecot) -> None:
    source = await ways.source(settings_of(server, password="wrong"))
    shown = await ways.look(source)
    assert (shown["state"], "password is wrong" in shown["last_error"]) == ("failing", True)
    checked = (await ways.api.post(f"/intake/sources/{source['id']}/check")).json()
    assert (checked["ok"], checked["detail"]) == (False, shown["last_error"])


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    for security, port in (("tls", server.tls_port), ("starttls", server.plain_port)):
        source = await ways.source(settings_of(server, security=security, port=port))
        shown = await ways.look(source)
        assert (shown["state"], "not trusted" in shown["last_error"]) == ("failing", True)


async def test_a_mailbox_that_is_not_there_is_said(ways: Ways, server: Dovecot) -> None:
    shown = await ways.look(await ways.source(settings_of(server, mailbox="Nowhere")))
    assert "has no mailbox 'Nowhere'" in shown["last_error"]


async def test_a_server_that_is_away_is_said_and_asked_again(ways: Ways, server: Dovecot) -> None:
    server.deliver(letter().as_bytes())
    source = await ways.source(settings_of(server))
    server.kill()
    shown = await ways.look(source)
    assert (shown["state"], "cannot be reached" in shown["last_error"]) == ("failing", True)
    server.start()
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("working", 1)


async def test_a_server_killed_in_the_middle_loses_nothing(
    ways: Ways, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        server.deliver(letter(message_id=f"<{number}@x>", subject=f"L{number}").as_bytes())
    source = await ways.source(settings_of(server, after="delete"))
    fetch = Mailbox.fetch

    def killing(mailbox: Mailbox, uid: int, size: int) -> bytes | None:
        if uid == 2:
            server.kill()
        return fetch(mailbox, uid, size)

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "fetch", killing)
        shown = await ways.look(source)
    assert (shown["state"], shown["filed"]) == ("failing", 1)
    server.start()
    shown = await ways.look(source)
    assert (shown["state"], shown["filed"], server.flags()) == ("working", 3, [])


class Hostile:
    """A server that says what it is told to, line for line of what it is asked."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(30)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as lines:
            greeting, *answers = self._answers
            connection.sendall(greeting)
            for answer in answers:
                tag = lines.readline().split(b" ")[0]
                try:
                    connection.sendall(answer.replace(b"%", tag))
                except OSError:
                    return
            lines.read()


def hostile_account(server: Hostile) -> Account:
    return Account("127.0.0.1", server.port, Security.PLAIN, "u", "INBOX", "p")


CAPABLE = b"* CAPABILITY IMAP4rev1\r\n% OK done\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        (b"* OK hello\r\n", b"* X {99999999999}\r\n", b""),
        (b"* OK hello\r\n", b"* X " + b"x" * (21 * 2**20) + b"\r\n"),
        (b"* OK hello\r\n", (b"* X " + b"y" * 1_000 + b"\r\n") * 10_000),
        (b"* PREAUTH hello\r\n", CAPABLE, CAPABLE),
        (b"nonsense\r\n",),
        (b"",),
        (b"* OK hello\r\n", CAPABLE, b"% OK in\r\n", b"% OK selected\r\n"),
    ],
    ids=["literal", "line", "flood", "preauth", "nonsense", "silence", "no-validity"],
)
def test_a_hostile_server_is_left(
    answers: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "_ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(mailboxes, "_COMMAND_SECONDS", 10.0)
    with (
        Hostile(*answers) as server,
        pytest.raises(SourceUnreachableError),
        mailboxes.opened(hostile_account(server)) as mailbox,
    ):
        mailbox.search(unseen=True)


OPEN = (
    b"* OK hello\r\n",
    CAPABLE,
    b"% OK in\r\n",
    b"* OK [UIDVALIDITY 7] it is\r\n% OK [READ-WRITE] selected\r\n",
    CAPABLE,
)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((b"220 secret.internal ESMTP\r\n",), "does not answer as a server of mailboxes does."),
        ((b"* BYE secret\r\n",), "does not answer as a server of mailboxes does."),
        ((*OPEN[:3], b"* OK [UIDVALIDITY 99999999999] x\r\n% OK ok\r\n"), "cannot be understood."),
        ((*OPEN, b"* SEARCH 1 two\r\n% OK done\r\n"), "cannot be understood."),
        ((*OPEN, b"* SEARCH 99999999999\r\n% OK done\r\n"), "cannot be understood."),
        ((*OPEN, b"* SEARCH \xff\r\n% OK done\r\n"), "cannot be understood."),
        ((*OPEN, b"* BYE a\x00b" + b"c" * 1_000 + b"\r\n"), "was lost"),
        ((*OPEN, b"% NO a\x00b" + b"c" * 1_000 + b"\r\n"), "refuses"),
    ],
    ids=["banner", "bye", "validity", "word", "number", "bytes", "lost", "refused"],
)
def test_what_a_server_says_is_told_in_few_words(answers: tuple[bytes, ...], told: str) -> None:
    with (
        Hostile(*answers) as server,
        pytest.raises(SourceUnreachableError) as raised,
        mailboxes.opened(hostile_account(server)) as mailbox,
    ):
        mailbox.search(unseen=True)
    said = str(raised.value)
    assert told in said
    assert "secret" not in said
    assert said.isprintable()
    assert len(said) < 500


def test_a_name_that_is_none_is_said() -> None:
    account = Account("imap..example.org", 143, Security.PLAIN, "u", "INBOX", "p")
    with (
        pytest.raises(SourceUnreachableError, match="is not the name of a server"),
        mailboxes.opened(account),
    ):
        pass


async def test_a_check_ends_though_the_server_does_not_answer(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_SECONDS", 1.0)
    monkeypatch.setattr(mailboxes, "_COMMAND_SECONDS", 10.0)
    with dripping(None) as port:
        source = await ways.source(
            {
                "kind": "mailbox",
                "host": "127.0.0.1",
                "port": port,
                "security": "plain",
                "user": "u",
                "password": "p",
            }
        )
        asked = [ways.api.post(f"/intake/sources/{source['id']}/check") for _ in range(6)]
        begun = time.monotonic()
        checked = [answer.json() for answer in await asyncio.gather(*asked)]
        assert time.monotonic() - begun < 9
    assert checked == [{"ok": False, "detail": "There was no answer within 1 seconds."}] * 6


@contextmanager
def dripping(certificate: Path | None) -> Iterator[int]:
    """Run a server that answers byte by byte, encrypted where there is a certificate; yield its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        if certificate is not None:
            connection = encrypted(connection, certificate)
        with connection, suppress(OSError):
            while not ended.wait(0.1):
                connection.sendall(b"*")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with listener:
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join(30)


def encrypted(connection: socket.socket, certificate: Path) -> socket.socket:
    """Encrypt a connection as STARTTLS does."""
    with connection.makefile("rb") as lines:
        connection.sendall(b"* OK hello\r\n")
        for answer in (b"* CAPABILITY IMAP4rev1 STARTTLS\r\n% OK done\r\n", b"% OK go\r\n"):
            connection.sendall(answer.replace(b"%", lines.readline().split(b" ")[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context.wrap_socket(connection, server_side=True)


@pytest.mark.parametrize("security", [Security.PLAIN, Security.STARTTLS])
def test_a_server_that_answers_byte_by_byte_is_cut_off(
    security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "_COMMAND_SECONDS", 3.0)
    pem = certificate(tmp_path) if security is Security.STARTTLS else None
    if pem is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    begun = time.monotonic()
    with (
        dripping(pem) as port,
        pytest.raises(SourceUnreachableError, match=r"was lost|does not answer"),
        mailboxes.opened(Account("127.0.0.1", port, security, "u", "INBOX", "p")),
    ):
        pass
    assert time.monotonic() - begun < 60


def test_a_server_that_is_being_encrypted_is_cut_off_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "_COMMAND_SECONDS", 3.0)
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    cut = mailboxes._cut
    missed = threading.Event()

    def miss(client: Any) -> None:
        """The first time, the socket is not there."""
        if missed.is_set():
            cut(client)
        missed.set()

    monkeypatch.setattr(mailboxes, "_cut", miss)
    with (
        dripping(pem) as port,
        pytest.raises(SourceUnreachableError, match="was lost"),
        mailboxes.opened(Account("127.0.0.1", port, Security.STARTTLS, "u", "INBOX", "p")),
    ):
        pass
    assert missed.is_set()


def test_the_password_is_in_no_text(server: Dovecot) -> None:
    assert PASSWORD not in repr(account_of(server))
    with mailboxes.opened(account_of(server)) as mailbox:
        assert mailbox.search(unseen=True) == []
        assert mailbox.size(7) is None
        assert mailbox.fetch(7, 10) is None
