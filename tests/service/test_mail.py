"""The whole service with a mail server: from a click to a letter, by outbox, relay, queue and worker."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.mail import MailServer, mail_server
from tests.support.service import Service, running_service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LETTER_MAY_TAKE = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


@pytest.fixture(scope="module")
def mailing_service(
    tmp_path_factory: pytest.TempPathFactory, server: MailServer
) -> Iterator[Service]:
    with running_service(
        tmp_path_factory.mktemp("mailing"),
        DMS_SCAN="off",
        DMS_SMTP_URL=f"smtp+plain://127.0.0.1:{server.port}",
        DMS_MAIL_FROM="DMS <dms@example.org>",
        DMS_PUBLIC_URL="https://dms.test",
    ) as started:
        yield started


def token(server: MailServer, number: int) -> str:
    """Wait for a letter and return what its link carries."""
    wait_until(
        lambda: len(server.letters) >= number, seconds=LETTER_MAY_TAKE, what="the letter is there"
    )
    link = next(line for line in server.letters[number - 1].text.splitlines() if "#" in line)
    return link.partition("#")[2]


def test_letters_leave_and_come_again_when_the_mail_server_is_back(
    mailing_service: Service, server: MailServer
) -> None:
    admin = mailing_service.login()
    # At first the server takes nothing: the letter is tried again.
    server.refuse_data = "451 not now"
    invited = admin.post("/invitations", json={"email": "grace@example.org"})
    assert (invited.status_code, invited.json()["link"]) == (201, None)
    wait_until(
        lambda: "mail_waits" in mailing_service.log, seconds=LETTER_MAY_TAKE, what="it was refused"
    )
    server.refuse_data = None
    body = {"token": token(server, 1), "name": "Grace", "password": "long enough"}
    with httpx.Client(base_url=f"{mailing_service.url}/api/v1", timeout=60) as grace:
        assert grace.post("/auth/invitation/accept", json=body).status_code == 200
        assert admin.get("/invitations").json()["items"][0]["sent_at"] is not None
        asked = grace.post("/auth/password-reset", json={"email": "grace@example.org"})
        assert asked.status_code == 202
        new = {"token": token(server, 2), "password": "another long one"}
        assert grace.post("/auth/password-reset/redeem", json=new).status_code == 204
        assert grace.post("/auth/refresh").status_code == 401
        credentials = {"email": "grace@example.org", "password": "another long one"}
        assert grace.post("/auth/login", json=credentials).status_code == 200
    wait_until(lambda: len(server.letters) == 3, seconds=LETTER_MAY_TAKE, what="word of the reset")
    assert "was just set anew" in server.letters[2].text
    for secret in (body["token"].partition(".")[2], new["token"]):
        assert secret not in mailing_service.log
