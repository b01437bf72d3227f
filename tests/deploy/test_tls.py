"""TLS ends in nginx, and nothing is served without it."""

import asyncio
import socket
import ssl
import warnings
from pathlib import Path

import httpx
import pytest

from tests.deploy.conftest import Production


def handshake(production: Production, context: ssl.SSLContext) -> ssl.SSLSocket:
    address = ("127.0.0.1", production.nginx.https_port)
    with socket.create_connection(address, timeout=10) as plain:
        return context.wrap_socket(plain, server_hostname="127.0.0.1")


def trusting(production: Production) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=production.nginx.certificate)


async def test_plain_http_only_shows_the_way(production: Production) -> None:
    async with httpx.AsyncClient() as client:
        plain = f"http://127.0.0.1:{production.nginx.http_port}"
        answer = await client.post(f"{plain}/api/v1/auth/login?x=1", json={})
        healthy = await client.get(f"{plain}/nginx-healthz")
    assert answer.status_code == 308  # which keeps the method
    assert answer.headers["location"] == "https://127.0.0.1/api/v1/auth/login?x=1"
    assert answer.headers["server"] == "nginx"
    assert healthy.text == "ok\n"


def test_tls_1_1_is_refused_by_the_server(production: Production) -> None:
    context = trusting(production)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")  # else our own side refuses first
    with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"):
        handshake(production, context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(production: Production, version: ssl.TLSVersion) -> None:
    context = trusting(production)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with handshake(production, context) as connection:
        cipher = connection.cipher()
        assert cipher is not None
        assert connection.version() == version.name.replace("v1_", "v1.")
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]
        assert connection.selected_alpn_protocol() == "h2"


def test_a_cipher_without_forward_secrecy_is_refused(production: Production) -> None:
    context = trusting(production)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake failure"):
        handshake(production, context)


async def test_certbot_finds_its_answer(production: Production) -> None:
    answer = Path(".well-known/acme-challenge/token")
    path = production.nginx.directory / "acme" / answer
    await asyncio.to_thread(path.parent.mkdir, parents=True)
    await asyncio.to_thread(path.write_text, "proof")
    async with httpx.AsyncClient() as client:
        found = await client.get(f"http://127.0.0.1:{production.nginx.http_port}/{answer}")
    assert found.text == "proof"
