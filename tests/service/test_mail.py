"""The whole service with a mail server: from a click to a letter, by outbox, relay, queue and worker."""

import httpx
import pytest

from tests.support.mail import MailServer
from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LETTER_MAY_TAKE = 60.0
GRACE = "grace@example.org"


def wait_for_letters(server: MailServer, number: int) -> str:
    """Wait until so many letters went to her; return the text of the last."""
    wait_until(
        lambda: len(server.to(GRACE)) >= number, seconds=LETTER_MAY_TAKE, what="the letter is there"
    )
    return server.to(GRACE)[number - 1].text


def token(text: str) -> str:
    """Return what the link in a letter carries."""
    link = next(line for line in text.splitlines() if "#" in line)
    return link.partition("#")[2]


def test_letters_leave_and_come_again_when_the_mail_server_is_back(
    killed_service: Service, letters: MailServer
) -> None:
    admin = killed_service.login()
    # At first the server takes nothing: the letter is tried again.
    letters.refuse_data = "451 not now"
    invited = admin.post("/invitations", json={"email": GRACE})
    assert (invited.status_code, invited.json()["link"]) == (201, None)
    wait_until(
        lambda: "mail_waits" in killed_service.log, seconds=LETTER_MAY_TAKE, what="it was refused"
    )
    letters.refuse_data = None
    body = {
        "token": token(wait_for_letters(letters, 1)),
        "name": "Grace",
        "password": "long enough",
    }
    with httpx.Client(base_url=f"{killed_service.url}/api/v1", timeout=60) as grace:
        assert grace.post("/auth/invitation/accept", json=body).status_code == 200
        assert admin.get("/invitations").json()["items"][0]["sent_at"] is not None
        asked = grace.post("/auth/password-reset", json={"email": GRACE})
        assert asked.status_code == 202
        new = {"token": token(wait_for_letters(letters, 2)), "password": "another long one"}
        assert grace.post("/auth/password-reset/redeem", json=new).status_code == 204
        assert grace.post("/auth/refresh").status_code == 401
        credentials = {"email": GRACE, "password": "another long one"}
        assert grace.post("/auth/login", json=credentials).status_code == 200
    assert "was just set anew" in wait_for_letters(letters, 3)
    for secret in (body["token"].partition(".")[2], new["token"]):
        assert secret not in killed_service.log
