"""`dms smtp` as other mail servers meet it: what it takes is filed, what it cannot file they keep."""

import asyncio
import secrets
import signal
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from backend import letterbox
from backend.core.settings import Settings
from backend.intake.letters import LARGEST_LETTER
from backend.letterbox import (
    MOST_LETTERS,
    MOST_LINES,
    MOST_OF_ONE_ADDRESS,
    Connection,
    Doorman,
    Letterbox,
    site_of,
)
from tests.backend.intake.conftest import Ways
from tests.support.clamd import EICAR, Clamd
from tests.support.commands import command, environment_of
from tests.support.mail import certificate
from tests.support.programs import Program, running

DOMAIN = "in.example.org"
SENDER = "billing@supplier.example"
LARGEST = 500_000


@dataclass
class Server:
    """A running letterbox."""

    port: int
    program: Program
    certificate: Path

    def deliver(self, to: str, letter: bytes, sender: str = SENDER) -> tuple[int, str]:
        """Deliver a letter as a mail server does; return what it is answered in the end."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=120) as client:
            client.ehlo()
            for step in (
                lambda: client.mail(sender),
                lambda: client.rcpt(to),
                lambda: client.data(letter),
            ):
                code, text = step()
                if code >= 400:
                    break
            return code, text.decode()


def start(
    settings: Settings, scanner: Clamd, directory: Path, **changed: str
) -> AbstractContextManager[Server]:
    """Run a letterbox while the block runs."""

    @contextmanager
    def run() -> Iterator[Server]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        pem = certificate(directory)
        environment = environment_of(
            settings,
            **{
                "DMS_CLAMD_SOCKET": str(scanner.socket),
                "DMS_INTAKE_SMTP_LISTEN": f"127.0.0.1:{port}",
                "DMS_INTAKE_SMTP_DOMAIN": DOMAIN,
                "DMS_INTAKE_SMTP_CERTIFICATE": str(pem),
                "DMS_MAX_UPLOAD_SIZE": str(LARGEST),
                **changed,
            },
        )
        with running(command("smtp"), environment=environment) as program:
            program.wait_for("letterbox_listens", seconds=120)
            yield Server(port, program, pem)

    return run()


@pytest.fixture(scope="module")
def server(
    settings: Settings, scanner: Clamd, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with start(settings, scanner, tmp_path_factory.mktemp("letterbox")) as started:
        yield started


async def way_in(ways: Ways, **settings: Any) -> tuple[dict[str, Any], str]:
    """Make a way in; return it and its address."""
    address = f"{secrets.token_hex(6)}@{DOMAIN}"
    source = await ways.source({"kind": "smtp", "address": address, **settings}, keeps="both")
    return source, address


def letter(attachment: bytes | None = b"%PDF-1.4 an invoice", **headers: str) -> bytes:
    """Write a letter with an attachment."""
    message = EmailMessage()
    message["From"], message["To"] = SENDER, f"somebody@{DOMAIN}"
    message["Subject"] = headers.get("subject", "Invoice 7")
    message["Message-ID"] = headers.get("message_id", f"<{secrets.token_hex(8)}@supplier.example>")
    message.set_content("See the attachment.\n.\nA line with a dot alone was above.")
    if attachment is not None:
        message.add_attachment(
            attachment, maintype="application", subtype="pdf", filename="Invoice.pdf"
        )
    return message.as_bytes(policy=SMTP)


async def documents(ways: Ways, source: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is filed of the letters, by its names."""
    answer = await ways.api.get(f"/folders/{source['folder']['id']}/children")
    return {one["name"]: one for one in answer.json()["documents"]}


async def test_what_is_taken_is_filed_once_however_often_it_is_delivered(
    server: Server, ways: Ways
) -> None:
    source, address = await way_in(ways)
    sent = letter()
    code, text = server.deliver(address.upper(), sent)
    assert code == 250, text
    filed = await documents(ways, source)
    assert set(filed) == {"Invoice 7.eml", "Invoice.pdf"}
    pdf = await ways.api.get(f"/documents/{filed['Invoice.pdf']['id']}/content")
    assert pdf.content == b"%PDF-1.4 an invoice"
    message = await ways.api.get(f"/documents/{filed['Invoice 7.eml']['id']}/content")
    first, received, by, *_ = message.content.decode().splitlines()
    assert first == f"Return-Path: <{SENDER}>"
    assert received.startswith("Received: from ")
    assert received.endswith("([127.0.0.1])")
    assert by.startswith(f"\tby {DOMAIN} with ESMTP id ")
    assert b"\r\n.\r\nA line with a dot" in message.content
    # The answer was lost: it is delivered again, and taken, and not filed again.
    assert server.deliver(address, sent)[0] == 250
    assert len(await documents(ways, source)) == 2
    items = await ways.items(source_id=source["id"])
    assert {one["state"] for one in items} == {"filed"}
    assert {one["sender"] for one in items} == {SENDER}
    # One that only looks like it is another one.
    assert server.deliver(address, letter())[0] == 250
    assert len(await documents(ways, source)) == 4


async def test_an_address_in_many_spellings_is_one(server: Server, ways: Ways) -> None:
    source, address = await way_in(ways)
    name, domain = address.split("@")
    spelled = [f"{name}@{domain[:length].upper()}{domain[length:]}" for length in (0, 1, 2, 4)]
    await ways.api.put("/storage/limits", {"quota": 1})
    with (
        smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client,
        pytest.raises(smtplib.SMTPDataError) as raised,
    ):
        client.sendmail(SENDER, spelled, letter())
    await ways.api.put("/storage/limits", {"quota": None})
    assert raised.value.smtp_code == 451
    assert {one["tries"] for one in await ways.items(source_id=source["id"])} == {1}


async def test_nobody_is_answered_for_but_the_sources(server: Server, ways: Ways) -> None:
    _, closed = await way_in(ways, senders=["*@supplier.example", "boss@example.org"])
    for to, sender, code in (
        ("somebody@elsewhere.example", SENDER, 550),
        (f"nobody@{DOMAIN}", SENDER, 550),
        (closed, "stranger@example.com", 550),
        (closed, "", 550),
        (closed, "Boss@Example.org", 250),
        (closed, SENDER, 250),
    ):
        answered, text = server.deliver(to, letter(), sender)
        assert answered == code, (to, sender, text)
    paused, address = await way_in(ways)
    changed = await ways.api.patch(
        f"/intake/sources/{paused['id']}", {"enabled": False}, headers={"If-Match": "*"}
    )
    assert changed.is_success, changed.text
    assert server.deliver(address, letter())[0] == 450


async def test_letters_may_be_encrypted_and_nobody_signs_in(server: Server, ways: Ways) -> None:
    source, address = await way_in(ways)
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == str(LARGEST)
        assert "auth" not in client.esmtp_features
        client.starttls(context=trusted)
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert "starttls" not in client.esmtp_features
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 502
        assert client.verify(address)[0] == 252
        assert client.sendmail(SENDER, [address], letter()) == {}
    [message] = [one for name, one in (await documents(ways, source)).items() if "eml" in name]
    content = (await ways.api.get(f"/documents/{message['id']}/content")).content
    assert b"with ESMTPS id" in content


async def test_what_cannot_be_filed_is_turned_away(server: Server, ways: Ways) -> None:
    source, address = await way_in(ways)
    large = letter(bytes(LARGEST))
    with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
        client.ehlo()
        assert client.mail(SENDER, [f"SIZE={len(large)}"])[0] == 552
    assert server.deliver(address, large)[0] == 552
    assert server.deliver(address, letter(EICAR))[0] == 554
    assert "Invoice.pdf" not in await documents(ways, source)
    refused = await ways.trail("upload.refused")
    assert any(one["data"]["name"] == "Invoice.pdf" for one in refused)


@contextmanager
def sending(server: Server, address: str) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """Begin to deliver a letter."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as client,
        client.makefile("rb") as said,
    ):
        assert said.readline().startswith(b"220")
        for line in ("HELO me", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{address}>", "DATA"):
            client.sendall(f"{line}\r\n".encode())
            assert said.readline()[:1] in {b"2", b"3"}
        yield client, said


def cut_after(client: socket.socket, block: bytes, most: int) -> int:
    """Send a block again and again until the connection is cut; return how many bytes were sent."""
    sent = 0
    with suppress(ConnectionError):
        while sent < most:
            client.sendall(block)
            sent += len(block)
    return sent


async def test_a_letter_without_an_end_is_cut_off(server: Server, ways: Ways) -> None:
    _, address = await way_in(ways)
    most = 100 * LARGEST
    for block in (b"x" * 50_000, b"x" * 50_000 + b"\r\n", b"x\n" * 25_000):
        with sending(server, address) as (client, _):
            assert cut_after(client, block, most) < most
    assert server.deliver(address, letter())[0] == 250


async def test_a_letter_of_endless_short_lines_is_cut_off(
    settings: Settings, scanner: Clamd, tmp_path: Path, ways: Ways
) -> None:
    _, address = await way_in(ways)
    large = {"DMS_MAX_UPLOAD_SIZE": str(LARGEST_LETTER)}
    most = 10 * MOST_LINES
    with (
        start(settings, scanner, tmp_path, **large) as server,
        sending(server, address) as (client, _),
    ):
        assert cut_after(client, b"\n" * 50_000, most) < most


async def test_one_address_does_not_keep_others_from_delivering(server: Server, ways: Ways) -> None:
    _, address = await way_in(ways)
    lines = ("HELO me", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{address}>", "DATA")
    with ExitStack() as stack:
        for _ in range(MOST_LETTERS):
            client = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=60)
            )
            client.sendall("".join(f"{line}\r\n" for line in lines).encode())
            said = stack.enter_context(client.makefile("rb"))
            assert [said.readline()[:3] for _ in lines] == [b"220", b"250", b"250", b"250"]
        with smtplib.SMTP(
            "127.0.0.1", server.port, timeout=60, source_address=("127.0.0.2", 0)
        ) as other:
            assert other.sendmail(SENDER, [address], letter()) == {}


async def test_what_may_be_filed_later_is_kept_by_its_sender(
    settings: Settings, scanner: Clamd, tmp_path: Path, ways: Ways
) -> None:
    source, address = await way_in(ways)
    sent = letter()
    nowhere = {"DMS_CLAMD_SOCKET": str(tmp_path / "nobody.ctl"), "DMS_SCAN": "required"}
    with start(settings, scanner, tmp_path, **nowhere) as unscanned:
        assert unscanned.deliver(address, sent)[0] == 451
    assert await documents(ways, source) == {}
    away = {"DMS_DATABASE_URL": "postgresql+asyncpg://dms_app@127.0.0.1:1/dms"}
    with start(settings, scanner, tmp_path, **away) as lost:
        assert lost.deliver(address, sent)[0] == 451
        lost.program.process.send_signal(signal.SIGTERM)
        assert lost.program.ended() == 0


async def test_a_letter_is_filed_once_though_it_is_killed_before_it_answers(
    settings: Settings, scanner: Clamd, tmp_path: Path, ways: Ways
) -> None:
    source, address = await way_in(ways)
    sent = letter()
    wire = sent.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    # Killed at once, a moment later, and when the first part of it is filed.
    for moment in ("at once", "a moment later", "filed in part"):
        with (
            start(settings, scanner, tmp_path) as killed,
            socket.create_connection(("127.0.0.1", killed.port), timeout=60) as client,
            ExitStack() as stack,
        ):
            said = stack.enter_context(client.makefile("rb"))
            assert said.readline().startswith(b"220")
            for line in ("HELO me", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{address}>", "DATA"):
                client.sendall(f"{line}\r\n".encode())
                assert said.readline()[:1] in {b"2", b"3"}
            client.sendall(wire)
            if moment == "a moment later":
                await asyncio.sleep(0.05)
            deadline = time.monotonic() + 60
            while moment == "filed in part" and not await documents(ways, source):
                assert time.monotonic() < deadline
            killed.program.process.kill()
            killed.program.process.wait()
    with start(settings, scanner, tmp_path) as server:
        assert server.deliver(address, sent)[0] == 250
    assert set(await documents(ways, source)) == {"Invoice 7.eml", "Invoice.pdf"}
    assert {one["state"] for one in await ways.items(source_id=source["id"])} == {"filed"}


async def test_who_takes_no_answer_is_left(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letterbox, "_SILENCE", 2.0)
    doorman = Doorman()
    box = Letterbox(ways.desk, doorman, settings=ways.settings)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(box, doorman, settings=ways.settings, tls=None), "127.0.0.1", 0
    )
    for listener in server.sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    async with server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(server.sockets[0].getsockname())
            client.settimeout(0)
            async with asyncio.timeout(30):
                assert await asyncio.get_running_loop().sock_recv(client, 3) == b"220"
                while doorman.connected:
                    with suppress(BlockingIOError, ConnectionError):
                        client.send(b"\r\n" * 10_000)
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
    ],
    ids=["site", "sites", "mapped", "both-mapped", "v4", "scope", "none"],
)
def test_connections_of_a_site_are_counted_together(one: str, other: str, *, is_same: bool) -> None:
    assert (site_of(one) == site_of(other)) is is_same


async def test_one_address_does_not_take_all_connections(server: Server, ways: Ways) -> None:
    _, address = await way_in(ways)
    with ExitStack() as stack:
        for _ in range(MOST_OF_ONE_ADDRESS):
            client = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=60)
            )
            assert client.recv(3) == b"220"
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as late:
            assert late.recv(3) == b"421"
    deadline = time.monotonic() + 60
    while True:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as again:
            if again.recv(3) == b"220":
                break
        assert time.monotonic() < deadline
    assert server.deliver(address, letter())[0] == 250
