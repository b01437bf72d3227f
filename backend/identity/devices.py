"""Browsers that somebody signed in with before: guesses are counted by them and not by where they come from.

Without this, whoever guesses from the same office, or behind the same proxy, could hold up the others there. A browser
that signed in once carries a signed cookie for that account; nobody else can spend its attempts. It opens
nothing by itself. (OWASP, "Slow Down Online Guessing Attacks with Device Cookies".)
"""

import secrets

from backend.identity.errors import InvalidTicketError
from backend.identity.tokens import TokenSigner

COOKIE_SECONDS = 180 * 86_400
_PURPOSE = "device"


def remembered(signer: TokenSigner, *, email: str) -> str:
    """Return the cookie of a browser that has just signed in to an account."""
    data = {"account": _account(signer, email), "id": secrets.token_urlsafe(18)}
    return signer.ticket(_PURPOSE, data, ttl=COOKIE_SECONDS)


def place(signer: TokenSigner, cookie: str | None, *, email: str, address: str) -> str:
    """Return what an attempt on an account is counted by: a browser known to it or, else, the network address."""
    if cookie is None:
        return address
    try:
        data = signer.open_ticket(_PURPOSE, cookie)
    except InvalidTicketError:
        return address
    known = secrets.compare_digest(data["account"], _account(signer, email))
    return f"device {data['id']}" if known else address


def _account(signer: TokenSigner, email: str) -> str:
    return signer.fingerprint("device of account", email.strip().casefold()).hex()
