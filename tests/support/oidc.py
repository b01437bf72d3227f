"""An OpenID provider in a process of its own, and the person in front of it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from backend.launch.valkey import free_port

ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0


@dataclass(frozen=True)
class Provider:
    """A running provider."""

    issuer: str

    async def consent(self, url: str, subject: str) -> httpx.URL:
        """Sign in there as somebody, and return where the browser is sent then."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return httpx.URL(answer.headers["location"])

    async def deny(self, url: str) -> httpx.URL:
        """Refuse there, and return where the browser is sent then."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data={"action": "deny"})
        return httpx.URL(answer.headers["location"])

    async def claim(self, subject: str, **claims: Any) -> None:
        """Let the provider say these things of somebody from now on."""
        async with httpx.AsyncClient() as administrator:
            answer = await administrator.put(f"{self.issuer}/users/{subject}", json=claims)
        assert answer.is_success, answer.text

    async def lie(self, subject: str, *, key: str = "known", **claims: Any) -> None:
        """Let the provider give tokens of somebody with these claims (None: without), signed with another key."""
        async with httpx.AsyncClient() as administrator:
            answer = await administrator.put(
                f"{self.issuer}/lies/{subject}", json={"key": key, "claims": claims}
            )
        assert answer.is_success, answer.text


@contextmanager
def provider(log: Path) -> Iterator[Provider]:
    """Run a provider."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.oidc_server", str(port)]
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT) as process,
    ):
        try:
            issuer = f"http://127.0.0.1:{port}"
            _await(issuer, process)
            yield Provider(issuer)
        finally:
            process.terminate()


def _await(issuer: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        assert process.poll() is None, "the provider ended"
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the provider did not start")
