"""Health, readiness, metrics, and what an application is told of the service."""

import re

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from redis.asyncio import Redis

from backend.core.queues import Queue
from backend.core.settings import ScanMode, Settings
from backend.jobs.models import Failure
from storage import Keyring
from tests.support.api import Api


async def test_ready_names_every_dependency(client: AsyncClient) -> None:
    answer = await client.get("/readyz")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "ready")
    assert set(body["dependencies"]) == {"database", "migrations", "redis", "store", "scanner"}
    assert {dependency["status"] for dependency in body["dependencies"].values()} == {"ok"}


async def test_without_redis_it_is_degraded(client: AsyncClient, app: FastAPI) -> None:
    real, app.state.redis = app.state.redis, Redis.from_url("redis://127.0.0.1:1/0")
    try:
        answer = await client.get("/readyz")
    finally:
        await app.state.redis.aclose()
        app.state.redis = real
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


async def test_without_a_scanner_it_is_degraded_or_not_ready(
    client: AsyncClient, app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = app.state.content.scanner
    monkeypatch.setattr(scanner, "_socket", settings.data_dir / "nobody")
    body = (await client.get("/readyz")).json()
    assert body["status"] == "degraded"
    assert "stored unscanned" in body["dependencies"]["scanner"]["detail"]
    monkeypatch.setattr(scanner, "mode", ScanMode.REQUIRED)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


async def test_a_master_key_that_was_rotated_away_shows(
    client: AsyncClient, settings: Settings
) -> None:
    other = bytes(32)
    Keyring.open(settings.keyring_path, settings.master_key()).rotate(other)
    try:
        answer = await client.get("/readyz")
    finally:
        Keyring.open(settings.keyring_path, other).rotate(settings.master_key())
    store = answer.json()["dependencies"]["store"]
    assert (answer.status_code, store["status"]) == (200, "degraded")
    assert "start the process again, with the new key" in store["detail"]
    assert (await client.get("/readyz")).json()["status"] == "ready"


async def test_health_asks_nobody(client: AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_metrics_count_by_route_not_by_id(admin: Api) -> None:
    cabinet = await admin.folder("Cabinet")
    await admin.get(f"/folders/{cabinet}")
    text = (await admin.client.get("/metrics")).text
    assert 'route="/api/v1/folders/{folder_id}"' in text
    assert f'route="/api/v1/folders/{cabinet}"' not in text


async def test_the_application_is_told_whether_uploads_are_scanned(admin: Api) -> None:
    body = (await admin.get("/system")).json()
    assert body["scan"]["state"] == "scanning"
    assert body["limits"]["max_upload_size"] > 0


async def test_every_answer_has_a_request_id_and_is_safe(client: AsyncClient) -> None:
    given = await client.get("/healthz", headers={"X-Request-ID": "abc-123"})
    assert given.headers["x-request-id"] == "abc-123"
    forged = await client.get("/healthz", headers={"X-Request-ID": "a\tb" * 100})
    assert len(forged.headers["x-request-id"]) == 16
    assert given.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in given.headers["content-security-policy"]


async def test_errors_are_problem_documents(client: AsyncClient, admin: Api) -> None:
    missing = await client.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert missing.headers["content-type"] == "application/problem+json"
    invalid = await admin.post("/folders", json={"name": 5})
    assert (invalid.status_code, invalid.json()["code"]) == (422, "invalid_request")
    assert invalid.json()["errors"][0]["loc"] == ["body", "name"]


async def test_the_queues_what_failed_and_the_quarantine_are_measured(client: AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    for queue in Queue:
        for name in ("dms_jobs_waiting", "dms_jobs_running", "dms_jobs_oldest_seconds"):
            assert f'{name}{{queue="{queue}"}} ' in text
    for failure in Failure:
        assert f'dms_failed_jobs{{failure="{failure}"}} ' in text
    assert re.search(r"^dms_quarantined \d", text, re.MULTILINE)


async def test_without_redis_the_queues_are_not_measured_and_the_page_says_so(
    client: AsyncClient, app: FastAPI, admin: Api
) -> None:
    real, app.state.redis = app.state.redis, Redis.from_url("redis://127.0.0.1:1/0")
    try:
        text = (await client.get("/metrics")).text
        overview = (await admin.get("/jobs")).json()
    finally:
        await app.state.redis.aclose()
        app.state.redis = real
    assert "dms_jobs_waiting{" not in text
    assert (overview["queues"], overview["unread"]) == (None, 0)
