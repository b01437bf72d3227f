"""Telling people by mail: letters, as plain text and as simple HTML, handed to a mail server (RFC 5321, RFC 8314).

Sending blocks; it is for a worker's task. A letter is composed when it is sent, so that no queue holds the links in it.
"""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid, parseaddr
from enum import StrEnum
from html import escape

from backend.core.clock import now
from backend.core.settings import MailServer

_MAY_TAKE = 30.0
"""Seconds that the server may take for each answer."""


class Language(StrEnum):
    """What a letter is written in."""

    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said: paragraphs, and something to open, each in one language."""

    language: Language
    subject: str
    paragraphs: Sequence[str]
    link: str | None = None
    link_label: str = ""
    closing: Sequence[str] = ()


class MailServerError(Exception):
    """The mail server cannot be reached or does not take mail now; trying again later helps."""


class UndeliverableError(Exception):
    """The mail server will never take this letter for this address."""


def send(server: MailServer, letter: Letter, *, to: str) -> None:
    """Hand a letter to the mail server.

    Raises:
        MailServerError: it does not take it now.
        UndeliverableError: it never will.
    """
    message = _message(server, letter, to=to)
    try:
        with _connected(server) as connection:
            _hand_over(connection, message)
    except (smtplib.SMTPException, OSError) as error:
        raise MailServerError(f"{type(error).__name__}: {error}") from error


def _hand_over(connection: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        [(status, _)] = error.recipients.values()
        raise _refusal(status) from error
    except smtplib.SMTPDataError as error:
        raise _refusal(error.smtp_code) from error
    except smtplib.SMTPNotSupportedError as error:
        raise UndeliverableError("the mail server does not take such an address") from error


def _refusal(status: int) -> Exception:
    kind = UndeliverableError if status >= 500 else MailServerError
    return kind(f"the mail server refused it with status {status}")


def _connected(server: MailServer) -> smtplib.SMTP:
    """Return a connection that is encrypted and signed in as far as the settings say."""
    trust = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=_MAY_TAKE, context=trust)
        if server.encrypted_from_start
        else smtplib.SMTP(server.host, server.port, timeout=_MAY_TAKE)
    )
    try:
        if server.starttls:
            connection.starttls(context=trust)
        if server.user is not None:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _message(server: MailServer, letter: Letter, *, to: str) -> EmailMessage:
    name, sender = parseaddr(server.sender)
    ascii_only = (to + sender).isascii()
    message = EmailMessage(policy=SMTP if ascii_only else SMTPUTF8)
    try:
        message["From"] = _address(sender, name)
        message["To"] = _address(to)
    except (MessageError, ValueError, IndexError) as error:
        raise UndeliverableError("this cannot be the address of a letter") from error
    # A name with a line break in it must not become another header.
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # No out-of-office answers, please (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(letter))
    message.add_alternative(_html(letter), subtype="html")
    message["Content-Language"] = letter.language
    return message


def _address(address: str, name: str = "") -> Address:
    if address.isascii():
        return Address(name, addr_spec=address)
    # What is checked is RFC 5322 alone; RFC 6532 lets the local part be in any script.
    local, _, domain = address.rpartition("@")
    return Address(name, username=local, domain=domain)


def _text(letter: Letter) -> str:
    link = [] if letter.link is None else [f"{letter.link_label}:\n{letter.link}"]
    return "\n\n".join([*letter.paragraphs, *link, *letter.closing]) + "\n"


def _html(letter: Letter) -> str:
    parts = [f"<p>{escape(one)}</p>" for one in letter.paragraphs]
    if letter.link is not None:
        address, label = escape(letter.link), escape(letter.link_label)
        parts.append(
            f'<p><a href="{address}" style="display:inline-block;padding:10px 18px;border-radius:6px;'
            f'background:#1864ab;color:#ffffff;text-decoration:none">{label}</a></p>'
            f'<p style="font-size:13px;color:#495057;word-break:break-all">{address}</p>'
        )
    parts += [
        f'<p style="font-size:13px;color:#495057">{escape(one)}</p>' for one in letter.closing
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{letter.language}"><head><meta charset="utf-8">'
        f"<title>{escape(letter.subject)}</title></head>\n"
        '<body style="margin:0;padding:24px;font:16px/1.5 sans-serif;color:#212529">\n'
        '<div style="max-width:34em;margin:0 auto">\n'
        + "\n".join(parts)
        + "\n</div></body></html>\n"
    )
