"""Mailboxes, by IMAP (RFC 3501, 9051). Blocking; for threads.

What a server may send is bounded, and so is how long each step may take, the last answer to a command included: it may
be hostile, or its administrator's mistake. Of one that does not speak IMAP nothing is told: who sets up a mailbox must
not read what other servers of the network say.
"""

import imaplib
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from imap_tools import BaseMailBox, ImapToolsError
from imap_tools.utils import encode_folder

from backend.intake.errors import SourceUnreachableError
from backend.intake.letters import LARGEST_LETTER
from backend.intake.schemas import Security

_ANSWER_SECONDS = 30.0
_COMMAND_SECONDS = 60.0
_LETTER_SECONDS = 600.0
_AGAIN_SECONDS = 1.0
_OVERHEAD = 8 * 2**20
"""Bytes that an answer may have beside a letter: numbers of a million letters take as much."""
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,15})\b")
_LARGEST_NUMBER = 2**32 - 1
"""Of UIDs, and of what they are valid under (RFC 9051, 9)."""
# What the libraries raise on answers that are not as RFC 9051 has them. A certificate that is not trusted is a
# ValueError too, and an OSError: that comes first.
_SENSELESS = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox of somebody on a server."""

    host: str
    port: int
    security: Security
    user: str
    mailbox: str
    password: str = field(repr=False)


class _Cutter(threading.Timer):
    """Cuts a connection once its time is over, and again until cancelled: it may be between two sockets (STARTTLS)."""

    def __init__(self, client: imaplib.IMAP4, seconds: float) -> None:
        super().__init__(seconds, partial(_cut, client))
        self.daemon = True

    def run(self) -> None:
        while not self.finished.wait(self.interval):
            self.function()
            self.interval = _AGAIN_SECONDS


class _Client(imaplib.IMAP4):
    """A connection that reads no more than it was told to expect."""

    left = _OVERHEAD
    opening: _Cutter | None = None
    """Until the server is ready to let somebody in."""

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self.opening = _Cutter(self, _COMMAND_SECONDS)
        self.opening.start()

    def shutdown(self) -> None:
        self.is_open()
        super().shutdown()

    def is_open(self) -> None:
        """Note that it is open, or never will be."""
        if self.opening is not None:
            self.opening.cancel()

    def read(self, size: int) -> bytes:
        self._take(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise self.abort("the server sends more than it was asked for")


class _TlsClient(imaplib.IMAP4_SSL, _Client):
    """The same, encrypted from its first byte."""

    def open(self, host: str = "", port: int | None = 993, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self.opening = _Cutter(self, _COMMAND_SECONDS)
        self.opening.start()


class _Box(BaseMailBox):
    def __init__(self, account: Account) -> None:
        self._account = account
        super().__init__()

    def _get_mailbox_client(self) -> _Client:
        account, trust = self._account, ssl.create_default_context()
        with _greeted(account):
            client = self._connected(trust)
        try:
            if account.security is Security.STARTTLS:
                # Refused by imaplib where the server lets in everybody beforehand (PREAUTH).
                client.starttls(ssl_context=trust)
        except BaseException:
            with suppress(OSError):
                client.shutdown()
            raise
        client.is_open()
        return client

    def _connected(self, trust: ssl.SSLContext) -> _Client:
        host, port = self._account.host, self._account.port
        if self._account.security is Security.TLS:
            return _TlsClient(host, port, ssl_context=trust, timeout=_ANSWER_SECONDS)
        return _Client(host, port, timeout=_ANSWER_SECONDS)


class Mailbox:
    """An open mailbox. Its letters are named by their UIDs."""

    def __init__(self, box: _Box, account: Account) -> None:
        self._box = box
        self._client: Any = box.client
        self._account = account
        with _understood(account):
            self.validity = self._validity()
        with self._bounded():
            # Many servers tell more of what they can once somebody is in.
            _, answer = self._client.capability()
        self._capabilities = frozenset(_text(answer, most=10_000).upper().split())

    def place(self, uid: int) -> str:
        """Return what names a letter for as long as the server keeps to its numbers."""
        return f"{self.validity}:{uid}"

    def uid_of(self, place: str) -> int | None:
        """Return the UID of a letter; None where the server numbers anew since."""
        validity, _, uid = place.partition(":")
        return int(uid) if validity == str(self.validity) and uid.isdecimal() else None

    def search(self, *, unseen: bool) -> list[int]:
        """Return the UIDs of letters that are not deleted, in ascending order."""
        criteria = "UNSEEN UNDELETED" if unseen else "UNDELETED"
        with self._bounded():
            return sorted(_number(uid) for uid in self._box.uids(criteria, charset=None))

    def size(self, uid: int) -> int | None:
        """Return the bytes of a letter; None where it is gone."""
        with self._bounded():
            answer = self._command("FETCH", str(uid), "(RFC822.SIZE)")
        sizes = (_SIZE.search(line) for line in answer if isinstance(line, bytes))
        return next((int(found[1]) for found in sizes if found), None)

    def fetch(self, uid: int, size: int) -> bytes | None:
        """Return a letter, of which nobody is told that it was read; None where it is gone."""
        with self._bounded(size, seconds=_LETTER_SECONDS):
            answer = self._command("FETCH", str(uid), "(BODY.PEEK[])")
        letters = (line[1] for line in answer if isinstance(line, tuple))
        return next(letters, None)

    def mark(self, uid: int, *flags: str) -> None:
        """Give a letter flags."""
        with self._bounded():
            self._command("STORE", str(uid), "+FLAGS.SILENT", f"({' '.join(flags)})")

    def move(self, uid: int, mailbox: str) -> None:
        """Move a letter into another mailbox."""
        with self._bounded():
            if self._can("MOVE"):
                self._command("MOVE", str(uid), _quoted(mailbox))
                return
            self._command("COPY", str(uid), _quoted(mailbox))
        self.delete(uid)

    def delete(self, uid: int) -> None:
        """Delete a letter; where the server can only clear away all that is marked, it is marked."""
        self.mark(uid, r"\Deleted")
        if self._can("UIDPLUS"):
            with self._bounded():
                self._command("EXPUNGE", str(uid))

    def check_move(self, mailbox: str) -> None:
        """Return if there is a mailbox of this name to move letters to.

        Raises:
            SourceUnreachableError: there is none.
        """
        with self._bounded():
            if not self._box.folder.exists(mailbox):
                raise SourceUnreachableError(
                    f"There is no mailbox {mailbox!r} to move letters to on {self._account.host}."
                )

    def close(self) -> None:
        """Take leave of the server, if it still listens."""
        with suppress(SourceUnreachableError), self._bounded():
            self._client.logout()

    def _can(self, capability: str) -> bool:
        return capability in self._capabilities

    def _validity(self) -> int:
        [*_, text] = self._client.untagged_responses.get("UIDVALIDITY") or [b""]
        return _number(text.decode("ascii"))

    def _command(self, name: str, *arguments: str) -> Sequence[Any]:
        status, answer = self._client.uid(name, *arguments)
        if status != "OK":
            raise self._client.error(f"{name}: {_text(answer)}")
        return list(answer)

    @contextmanager
    def _bounded(self, size: int = 0, *, seconds: float = _COMMAND_SECONDS) -> Iterator[None]:
        self._client.left = min(size, LARGEST_LETTER) + _OVERHEAD
        with _in_time(self._client, seconds), _understood(self._account):
            yield


@contextmanager
def opened(account: Account) -> Iterator[Mailbox]:
    """Open a mailbox, for reading and writing.

    Raises:
        SourceUnreachableError: the server does not answer, is not who it says, or does not let us in. So does all that
            is done with the mailbox.
    """
    with _understood(account):
        box = _Box(account)
    try:
        with _in_time(box.client, _COMMAND_SECONDS):
            _enter(box, account)
        mailbox = Mailbox(box, account)
        yield mailbox
        mailbox.close()
    finally:
        with suppress(OSError):
            box.client.shutdown()


def _enter(box: _Box, account: Account) -> None:
    with _understood(account):
        try:
            if account.password.isascii() and account.user.isascii():
                box.login(account.user, account.password, initial_folder=None)
            else:
                box.login_utf8(account.user, account.password, initial_folder=None)
        except (ImapToolsError, imaplib.IMAP4.error) as error:
            if isinstance(error, imaplib.IMAP4.abort):
                raise
            raise SourceUnreachableError(
                f"{account.host} does not let {account.user!r} in: the name or the password is wrong."
            ) from error
        try:
            box.folder.set(account.mailbox)
        except (ImapToolsError, imaplib.IMAP4.error) as error:
            is_lost = isinstance(error, imaplib.IMAP4.abort)
            if is_lost and not isinstance(error, imaplib.IMAP4.readonly):
                raise
            raise SourceUnreachableError(
                f"{account.user!r} has no mailbox {account.mailbox!r} on {account.host}, or may not change it."
            ) from error


@contextmanager
def _in_time(client: imaplib.IMAP4, seconds: float) -> Iterator[None]:
    """Cut the connection where the block takes longer: a server may answer for ever, byte by byte."""
    cutter = _Cutter(client, seconds)
    cutter.start()
    try:
        yield
    finally:
        cutter.cancel()


def _cut(client: imaplib.IMAP4) -> None:
    # Of this moment: TLS takes the place of the socket that was there before. Not the method of TLS sockets: that
    # changes what another thread is reading with.
    with suppress(OSError):
        socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)


@contextmanager
def _greeted(account: Account) -> Iterator[None]:
    """Tell nobody what a server says that greets otherwise than IMAP does: it may be one that is not to be seen."""
    try:
        yield
    except OSError:
        raise
    except UnicodeError as error:
        raise SourceUnreachableError(f"{account.host} is not the name of a server.") from error
    except (imaplib.IMAP4.error, EOFError, *_SENSELESS) as error:
        raise SourceUnreachableError(
            f"{account.host}:{account.port} does not answer as a server of mailboxes does."
        ) from error


@contextmanager
def _understood(account: Account) -> Iterator[None]:
    """Turn what goes wrong with a server into what a person is told."""
    where = f"{account.host}:{account.port}"
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise SourceUnreachableError(
            f"The certificate of {where} is not trusted: {error.verify_message}."
        ) from error
    except ssl.SSLError as error:
        raise SourceUnreachableError(
            f"No encrypted connection to {where} can be made: {error.reason or 'TLS failed'}."
        ) from error
    except TimeoutError as error:
        raise SourceUnreachableError(f"{where} does not answer in time.") from error
    except (imaplib.IMAP4.abort, EOFError) as error:
        raise SourceUnreachableError(
            f"The connection to {where} was lost: {_text(error.args)}."
        ) from error
    except OSError as error:
        why = _text([error.strerror or error])
        raise SourceUnreachableError(f"{where} cannot be reached: {why}.") from error
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise SourceUnreachableError(f"{where} refuses: {_text(error.args)}") from error
    except _SENSELESS as error:
        raise SourceUnreachableError(f"{where} answers what cannot be understood.") from error


def _number(text: str) -> int:
    """Return a number that a server gives.

    Raises:
        ValueError: it is none, or larger than one may be.
    """
    if not text.isdecimal() or len(text) > len(str(_LARGEST_NUMBER)):
        raise ValueError
    number = int(text)
    if number > _LARGEST_NUMBER:
        raise ValueError
    return number


def _quoted(mailbox: str) -> str:
    encoded = encode_folder(mailbox)
    return encoded.decode() if isinstance(encoded, bytes) else encoded


def _text(answer: Sequence[Any], *, most: int = 300) -> str:
    """Return what a server said, as any log or database can hold it."""
    said = " ".join(
        one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in answer
    )
    return "".join(one if one.isprintable() else " " for one in said)[:most]
