"""Whoever guesses from the same address does not hold up those who signed in from there before."""

from httpx import AsyncClient, Response

from backend.identity import devices
from backend.identity.router import DEVICE_COOKIE
from backend.identity.tokens import TokenSigner
from tests.backend.identity.accounts import Account, ClientAt, MakeAccount, sign_in, unique_address

LOGIN = "/api/v1/auth/login"
signer = TokenSigner(b"k" * 32)


async def guess(client: AsyncClient, email: str, password: str | None = None) -> Response:
    return await client.post(LOGIN, json={"email": email, "password": password or "wrong"})


async def test_a_colleague_who_guesses_locks_nobody_out(
    client_at: ClientAt, account: Account, make_account: MakeAccount
) -> None:
    office = unique_address()
    async with client_at(office) as mine, client_at(office) as colleague:
        await sign_in(mine, account)
        assert DEVICE_COOKIE in mine.cookies
        while (await guess(colleague, account.email)).status_code == 401:
            pass
        assert (await guess(colleague, account.email, account.password)).status_code == 429
        await sign_in(mine, account)
        # The cookie is for the account it was given for, and for no other.
        other = await make_account()
        while (await guess(colleague, other.email)).status_code == 401:
            pass
        assert (await guess(mine, other.email, other.password)).status_code == 429


async def test_a_known_browser_is_slowed_down_by_its_own_failures(
    client_at: ClientAt, account: Account
) -> None:
    office = unique_address()
    async with client_at(office) as mine, client_at(office) as another:
        await sign_in(mine, account)
        answers = [(await guess(mine, account.email)).status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
        await sign_in(another, account)


def test_a_cookie_is_good_for_its_account_alone_and_cannot_be_made() -> None:
    cookie = devices.remembered(signer, email="A@example.org")

    def counted_by(given: str | None, email: str = "a@example.org") -> str:
        return devices.place(signer, given, email=email, address="192.0.2.1")

    assert counted_by(cookie).startswith("device ")
    assert counted_by(cookie) == counted_by(cookie)
    assert counted_by(devices.remembered(signer, email="a@example.org")) != counted_by(cookie)
    forged = devices.remembered(TokenSigner(b"x" * 32), email="a@example.org")
    other_purpose = signer.ticket("ws", {"account": "a", "id": "b"}, ttl=60)
    for useless in (None, "", "x", forged, other_purpose):
        assert counted_by(useless) == "192.0.2.1"
    assert counted_by(cookie, "b@example.org") == "192.0.2.1"
