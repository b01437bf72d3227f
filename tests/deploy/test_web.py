"""What nginx answers by itself: the web application, what is closed, and its refusals."""

import asyncio

import pytest
from httpx import AsyncClient

from backend.core.http import _HEADERS
from backend.identity.errors import TooManyAttemptsError
from tests.deploy.conftest import PAGE, ClientFrom, Production


@pytest.mark.parametrize("path", ["/", "/index.html", "/documents/7", "/search"])
async def test_every_page_is_the_application_and_always_fresh(
    through: AsyncClient, path: str
) -> None:
    answer = await through.get(path, params={"q": "a.b"})
    assert answer.status_code == 200
    assert answer.text == PAGE
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    etag = answer.headers["etag"]
    assert (await through.get(path, headers={"If-None-Match": etag})).status_code == 304


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/assets/index-CQMr1gy4.js", "application/javascript; charset=utf-8"),
        ("/assets/pdf.worker.min-C8PGFc0r.mjs", "text/javascript; charset=utf-8"),
    ],
)
async def test_built_files_are_kept_for_ever(
    through: AsyncClient, path: str, media_type: str
) -> None:
    answer = await through.get(path)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == media_type


async def test_text_is_compressed(through: AsyncClient) -> None:
    answer = await through.get("/assets/index-CQMr1gy4.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.startswith("export const wide")


@pytest.mark.parametrize("path", ["/assets/gone-123.js", "/gone.svg", "/.env", "/documents/x.pdf"])
async def test_a_missing_file_is_not_the_page(through: AsyncClient, path: str) -> None:
    answer = await through.get(path)
    assert answer.status_code == 404
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/readyz", "/%6detrics"])
async def test_what_is_for_the_monitoring_stays_inside(
    through: AsyncClient, production: Production, path: str
) -> None:
    answer = await through.get(path)
    assert answer.status_code == 404
    assert "dms_http" not in answer.text
    assert "database" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/assets/index-CQMr1gy4.js", "/gone.svg", "/healthz", "/api/v1/me", "/metrics"]
)
async def test_each_safety_header_is_there_once(through: AsyncClient, path: str) -> None:
    answer = await through.get(path)
    assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    if path != "/metrics":  # nginx's plain refusal shows nothing that they would protect
        found = {name: answer.headers.get_list(name) for name in _HEADERS}
        assert found == {name: [value] for name, value in _HEADERS.items()}


async def test_guessing_is_held_up_per_address(client_from: ClientFrom) -> None:
    busy, other = client_from("127.0.0.77"), client_from("127.0.0.78")
    answers = await asyncio.gather(*(busy.post("/api/v1/auth/refresh") for _ in range(120)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 30 < len(refused) < 75  # 50 at once and 10 a second are let through
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert refused[0].json()["code"] == TooManyAttemptsError.code
    assert int(refused[0].headers["retry-after"]) > 0
    assert refused[0].headers.get_list("strict-transport-security") == ["max-age=31536000"]
    assert (await other.post("/api/v1/auth/refresh")).status_code == 401
    # Everything else goes on.
    assert (await busy.get("/healthz")).status_code == 200
