"""Users for the tests of identity, and what they do with their access tokens."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient, Response


@dataclass(frozen=True)
class Account:
    id: int
    org_id: int
    email: str
    password: str


@dataclass(frozen=True)
class SignedIn:
    """An account with its access token on one client."""

    account: Account
    client: AsyncClient
    headers: dict[str, str]

    async def request(self, method: str, path: str, **arguments: Any) -> Response:
        return await self.client.request(
            method, f"/api/v1{path}", headers=self.headers, **arguments
        )


MakeAccount = Callable[..., Awaitable[Account]]
ClientAt = Callable[..., AbstractAsyncContextManager[AsyncClient]]


def unique_email() -> str:
    return f"User.{secrets.token_hex(6)}@example.org"


def unique_address() -> str:
    """Return a network address no other test was ever slowed down at."""
    return ".".join(["10", *(str(part) for part in secrets.token_bytes(3))])


async def sign_in(client: AsyncClient, account: Account) -> SignedIn:
    answer = await client.post(
        "/api/v1/auth/login", json={"email": account.email, "password": account.password}
    )
    assert answer.status_code == 200, answer.text
    return SignedIn(account, client, {"Authorization": f"Bearer {answer.json()['access_token']}"})
