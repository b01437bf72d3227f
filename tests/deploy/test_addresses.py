"""Whose address the service sees: the one nginx saw, whatever a request says of itself."""

import asyncio
import secrets

import pytest
from httpx import AsyncClient, AsyncHTTPTransport

from backend.core.settings import Settings
from backend.identity.throttle import Keys
from backend.identity.tokens import TokenSigner
from tests.deploy.conftest import ClientFrom, Production
from tests.support.api import Api

SPOOFED = "203.0.113.9"
LIES = {
    "X-Forwarded-For": SPOOFED,
    "X-Real-IP": SPOOFED,
    "Forwarded": f"for={SPOOFED};proto=http",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
}


async def throttled(production: Production, email: str, address: str) -> bool:
    """Return whether a failure of this account was counted for the address."""
    settings = Settings(encryption_key_file=production.secrets.directory / "encryption_key")
    signer = TokenSigner(settings.master_key())
    key = Keys.of(signer, email=email, address=address).account
    query = f"SELECT count(*) FROM login_throttles WHERE key = '\\x{key.hex()}'"  # noqa: S608  # hex
    return await asyncio.to_thread(production.cluster.query, query, "dms") == "1\n"


async def guess(client: AsyncClient, email: str) -> None:
    body = {"email": email, "password": "wrong"}
    answer = await client.post("/api/v1/auth/login", json=body, headers=LIES)
    assert answer.status_code == 401, answer.text


async def test_a_spoofed_address_is_not_believed(
    production: Production, client_from: ClientFrom
) -> None:
    email = f"{secrets.token_hex(6)}@example.org"
    await guess(client_from("127.0.0.5"), email)
    assert await throttled(production, email, "127.0.0.5")
    assert not await throttled(production, email, SPOOFED)
    assert not await throttled(production, email, "127.0.0.1")


async def test_a_backend_believes_nginx_alone(production: Production) -> None:
    email = f"{secrets.token_hex(6)}@example.org"
    transport = AsyncHTTPTransport(local_address="127.0.0.6")
    async with AsyncClient(transport=transport, base_url=production.backends[0].url) as client:
        await guess(client, email)
    assert await throttled(production, email, "127.0.0.6")
    assert not await throttled(production, email, SPOOFED)


async def test_the_session_cookie_is_for_tls_alone(
    production: Production, through: AsyncClient, librarian: Api
) -> None:
    created = await librarian.post(
        "/users",
        json={
            "email": f"{secrets.token_hex(6)}@example.org",
            "name": "A",
            "password": "a long enough password",
            "role": "member",
        },
    )
    body = {"email": created.json()["email"], "password": "a long enough password"}
    answer = await through.post("/api/v1/auth/login", json=body, headers=LIES)
    cookie = answer.headers["set-cookie"]
    assert "Secure" in cookie
    assert "HttpOnly" in cookie


@pytest.mark.parametrize(
    ("origin", "status"), [("https://evil.example", 403), ("own", 401), (None, 401)]
)
async def test_only_our_own_pages_sign_in(
    production: Production, through: AsyncClient, origin: str | None, status: int
) -> None:
    own = production.nginx.url if origin == "own" else origin
    headers = {} if own is None else {"Origin": own}
    answer = await through.post("/api/v1/auth/refresh", headers=headers)
    assert answer.status_code == status
