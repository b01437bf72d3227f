"""A client of the tus protocol, by hand: every header is what a test says."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import Response

from tests.support.api import Api

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**values: object) -> str:
    """Return `Upload-Metadata` of these values."""
    return ",".join(
        f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in values.items()
    )


def checksum(content: bytes, algorithm: str = "sha1") -> str:
    """Return `Upload-Checksum` of a content."""
    digest = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


class Tus:
    """Uploads of one user."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def create(
        self,
        length: int | None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **values: object,
    ) -> Response:
        sent = {**(TUS if content is None else BYTES), "Upload-Metadata": metadata(**values)}
        sent |= {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        return await self.api.post("/uploads", headers={**sent, **(headers or {})}, content=content)

    async def begin(self, length: int | None, **values: object) -> str:
        """Create an upload and return its path."""
        answer = await self.create(length, **values)
        assert answer.status_code == 201, answer.text
        assert answer.headers["tus-resumable"] == "1.0.0"
        location: str = answer.headers["location"]
        return location.removeprefix("/api/v1")

    async def head(self, path: str) -> Response:
        return await self.api.request("HEAD", path, headers=TUS)

    async def offset(self, path: str) -> int:
        answer = await self.head(path)
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["cache-control"] == "no-store"
        return int(answer.headers["upload-offset"])

    async def send(
        self,
        path: str,
        offset: int,
        content: bytes | AsyncIterator[bytes],
        headers: dict[str, str] | None = None,
    ) -> Response:
        sent: dict[str, Any] = {**BYTES, "Upload-Offset": str(offset), **(headers or {})}
        return await self.api.request("PATCH", path, headers=sent, content=content)


@pytest.fixture
def tus(admin: Api) -> Tus:
    return Tus(admin)


@pytest.fixture
async def folder(admin: Api) -> int:
    return await admin.folder("Uploads")
