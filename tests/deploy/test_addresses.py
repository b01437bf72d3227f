"""Whose address the service sees: the one nginx saw, whatever a request says of itself."""

import asyncio
import re
import secrets
import ssl
from pathlib import Path

import pytest
from httpx import AsyncClient, AsyncHTTPTransport

from backend.core.settings import Settings
from backend.identity.throttle import Keys
from backend.identity.tokens import TokenSigner
from tests.deploy.conftest import ClientFrom, Production
from tests.support.api import Api
from tests.support.deployment import ROOT, nginx, replaced

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


async def test_a_proxy_in_front_is_believed_when_it_is_named(
    production: Production, web: Path, tmp_path: Path
) -> None:
    """The example of docs/admin/proxy.md, for a proxy at 127.0.0.50."""
    page = (ROOT / "docs/admin/proxy.md").read_text()
    (example,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    own = replaced(example, {"192.0.2.10": "127.0.0.50"})
    seen = {"127.0.0.50": SPOOFED, "127.0.0.51": "127.0.0.51"}
    with nginx(tmp_path / "etc", production.secrets, web, production.backends, own=own) as outer:
        context = ssl.create_default_context(cafile=outer.certificate)
        for peer, address in seen.items():
            email = f"{secrets.token_hex(6)}@example.org"
            transport = AsyncHTTPTransport(verify=context, local_address=peer)
            async with AsyncClient(transport=transport, base_url=outer.url, timeout=30) as client:
                await guess(client, email)
            assert await throttled(production, email, address)


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
