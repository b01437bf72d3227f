import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import UnauthenticatedError
from backend.identity.errors import InvalidTicketError
from backend.identity.tokens import AccessClaims, TokenSigner

KEY = secrets.token_bytes(32)
CLAIMS = AccessClaims(user_id=7, org_id=1, session_id="s")
signer = TokenSigner(KEY)


def test_access_token_carries_its_claims() -> None:
    assert TokenSigner(KEY).open_access_token(signer.access_token(CLAIMS, ttl=60)) == CLAIMS


def test_ticket_carries_its_data() -> None:
    data = {"document_id": 3, "name": "Verträge.pdf", "aud": "elsewhere", "exp": 1}
    assert signer.open_ticket("content", signer.ticket("content", data, ttl=60)) == data


def test_expired_tokens_are_refused() -> None:
    with pytest.raises(UnauthenticatedError):
        signer.open_access_token(signer.access_token(CLAIMS, ttl=-1))
    with pytest.raises(InvalidTicketError):
        signer.open_ticket("content", signer.ticket("content", {}, ttl=-1))


def test_a_token_is_good_for_its_own_use_only() -> None:
    ticket = signer.ticket("content", {"sub": "7", "org": 1, "sid": "s"}, ttl=60)
    with pytest.raises(InvalidTicketError):
        signer.open_ticket("websocket", ticket)
    with pytest.raises(UnauthenticatedError):
        signer.open_access_token(ticket)
    with pytest.raises(UnauthenticatedError):
        signer.open_access_token(signer.ticket("access", {}, ttl=60))
    with pytest.raises(InvalidTicketError):
        signer.open_ticket("access", signer.access_token(CLAIMS, ttl=60))


def test_another_master_key_opens_nothing() -> None:
    other = TokenSigner(secrets.token_bytes(32))
    with pytest.raises(UnauthenticatedError):
        other.open_access_token(signer.access_token(CLAIMS, ttl=60))
    assert other.fingerprint("a") != signer.fingerprint("a")


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    token = signer.access_token(CLAIMS, ttl=60)
    # The last character of each part may hold unused bits.
    ends = {len(token) - 1, *(place - 1 for place, sign in enumerate(token) if sign == ".")}
    place = data.draw(st.integers(0, len(token) - 1).filter(lambda at: at not in ends))
    sign = data.draw(st.characters().filter(lambda other: other != token[place]))
    with pytest.raises(UnauthenticatedError):
        signer.open_access_token(token[:place] + sign + token[place + 1 :])


@given(st.text())
def test_nonsense_is_refused(token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        signer.open_access_token(token)
    with pytest.raises(InvalidTicketError):
        signer.open_ticket("content", token)


def test_unsigned_token_is_refused() -> None:
    _, payload, _ = signer.access_token(CLAIMS, ttl=60).split(".")
    with pytest.raises(UnauthenticatedError):
        signer.open_access_token(f"eyJhbGciOiJub25lIn0.{payload}.")


def test_fingerprints_keep_their_parts_apart() -> None:
    assert signer.fingerprint("ab", "c") != signer.fingerprint("a", "bc")
    assert signer.fingerprint("a", "b") == TokenSigner(KEY).fingerprint("a", "b")
