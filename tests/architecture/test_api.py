"""The OpenAPI document is complete, the web client is made from it, and no route forgets to ask who is calling."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

ROOT = Path(__file__).parents[2]
WITHOUT_SIGNING_IN = {
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/auth/second-factor"),
    ("POST", "/api/v1/auth/enrolment"),
    ("POST", "/api/v1/auth/enrolment/confirm"),
    ("POST", "/api/v1/auth/passkey/begin"),
    ("POST", "/api/v1/auth/passkey"),
    ("POST", "/api/v1/auth/token"),
    ("GET", "/api/v1/auth/providers"),
    ("GET", "/api/v1/auth/oidc/{provider_id}"),
    ("GET", "/api/v1/auth/oidc/{provider_id}/callback"),
    ("POST", "/api/v1/auth/invitation/open"),
    ("POST", "/api/v1/auth/invitation/accept"),
    ("POST", "/api/v1/auth/invitation/join"),
    ("POST", "/api/v1/auth/password-reset"),
    ("POST", "/api/v1/auth/password-reset/redeem"),
    ("OPTIONS", "/api/v1/uploads"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
}
VALUES = (
    *("folder_id", "document_id", "user_id", "number"),
    *("group_id", "principal", "session_id", "invitation_id"),
    *("grant_id", "policy_id"),
    *("key_id", "passkey_id", "provider_id"),
    *("quarantine_id", "upload_id", "job_id", "source_id", "item_id"),
)
"""The parameters of paths."""

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
def operations(app: FastAPI) -> list[Operation]:
    return [
        (method.upper(), path, operation)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


def test_no_two_shapes_have_one_name(app: FastAPI) -> None:
    """They would be told apart by the modules they stand in, which are nobody's business."""
    assert [name for name in app.openapi()["components"]["schemas"] if "__" in name] == []


def test_every_operation_is_described(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        assert operation.get("operationId", "").isidentifier(), (method, path)
        assert "_" not in operation["operationId"], (method, path)
        assert operation.get("summary"), (method, path)
        assert operation.get("tags"), (method, path)
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(ids) == len(set(ids))


def test_every_operation_names_its_errors(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        if (method, path) in WITHOUT_SIGNING_IN:
            continue
        assert "401" in operation["responses"], (method, path)
        if "{" in path:
            assert "404" in operation["responses"], (method, path)


def test_every_body_has_an_example(app: FastAPI, operations: list[Operation]) -> None:
    schemas = app.openapi()["components"]["schemas"]
    for method, path, operation in operations:
        for media in operation.get("requestBody", {}).get("content", {}).values():
            reference = media["schema"].get("$ref")
            if reference:
                assert "example" in schemas[reference.rpartition("/")[2]], (method, path)


async def test_nobody_gets_anything_without_signing_in(
    client: AsyncClient, operations: list[Operation]
) -> None:
    for method, path, _ in operations:
        if (method, path) in WITHOUT_SIGNING_IN:
            continue
        concrete = path
        for name in VALUES:
            concrete = concrete.replace(f"{{{name}}}", "1")
        assert "{" not in concrete, f"give {path} a value for its parameter"
        answer = await client.request(
            method, concrete, json={} if method in {"PUT", "PATCH"} else None
        )
        # 412: the protocol of uploads asks for its version before anything else.
        assert answer.status_code in {401, 412, 422}, (method, path, answer.status_code)


def test_the_web_client_was_made_from_this_description(app: FastAPI) -> None:
    committed = json.loads((ROOT / "frontend" / "openapi.json").read_text())
    assert committed == json.loads(json.dumps(app.openapi())), "run `make openapi`"
