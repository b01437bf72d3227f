"""Every route, asked by those who were given nothing: a member, and the administrator of another organisation."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from tests.support.api import Api

TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
SECRET = "Zebra7431"
"""Stands in every name, tag, property and text of what the outsiders may not see."""

OF_A_THING = {
    *("folder_id", "document_id", "grant_id", "policy_id", "invitation_id"),
    *("key_id", "passkey_id", "provider_id", "quarantine_id", "upload_id", "job_id"),
}
REFUSED = {403, 404, 422}


@pytest.fixture
async def things(admin: Api, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A cabinet with all that can be in one, and the places of its ids in paths."""
    cabinet = await admin.folder(f"{SECRET} cabinet")
    folder = await admin.folder(f"{SECRET} folder", cabinet)
    document = await admin.document(folder, f"{SECRET} document.txt", f"{SECRET} text".encode())
    binned = await admin.document(folder, f"{SECRET} binned.txt", b"binned")
    await admin.delete(f"/documents/{binned['id']}")
    await admin.patch(
        f"/documents/{document['id']}", {"tags": [SECRET], "properties": {SECRET: SECRET}}
    )
    grants = (await admin.get(f"/folders/{cabinet}/grants")).json()
    statement = {
        "Sid": SECRET,
        "Effect": "Allow",
        "Action": "*",
        "Resource": f"dms:folder:{folder}",
    }
    policy = await admin.post(
        "/policies",
        json={"name": SECRET, "document": {"Version": "1", "Statement": [statement]}},
    )
    group = await admin.post("/groups", json={"name": "Those who may share see its name"})
    invitation = await admin.post(
        "/invitations", json={"email": f"{SECRET}@example.org", "role": "member"}
    )
    key = await admin.post("/me/api-keys", json={"name": SECRET})
    upload = await admin.post(
        "/uploads",
        headers={
            **TUS,
            "Upload-Length": "3",
            "Upload-Metadata": f"folder_id {in_base64(folder)},filename {in_base64(SECRET)}",
        },
    )
    monkeypatch.setattr(app.state.settings, "intake_smtp_domain", "example.org")
    source = await admin.post(
        "/intake/sources",
        json={
            "name": SECRET,
            "folder_id": cabinet,
            "acts_as": admin.user_id,
            "settings": {"kind": "smtp", "address": f"{SECRET}{cabinet}@example.org"},
        },
    )
    return {
        "folder_id": cabinet,
        "document_id": document["id"],
        "grant_id": grants[0]["id"],
        "policy_id": policy.json()["id"],
        "principal": f"user:{admin.user_id}",
        "user_id": admin.user_id,
        "group_id": group.json()["id"],
        "invitation_id": invitation.json()["id"],
        "session_id": "of-somebody-else",
        "key_id": key.json()["id"],
        "passkey_id": 1,
        "provider_id": "nobody",
        "quarantine_id": 1,
        "upload_id": upload.headers["location"].rpartition("/")[2],
        "job_id": 1,
        "source_id": source.json()["id"],
        "item_id": 1,
        "number": 1,
    }


def in_base64(value: object) -> str:
    """Return a value as the protocol of uploads writes it."""
    return base64.b64encode(str(value).encode()).decode()


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path below /api/v1 and description of what a signed-in caller can ask."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api/v1/") and not path.startswith("/api/v1/auth/"):
                yield method.upper(), path.removeprefix("/api/v1"), operation


def body_of(app: FastAPI, operation: dict[str, Any]) -> Any:
    """Return the example of an operation's body; None where it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for one in (schema, *schema.get("anyOf", [])):
        if "$ref" in one:
            name = one["$ref"].rpartition("/")[2]
            return app.openapi()["components"]["schemas"][name]["example"]
    return None


def query_of(operation: dict[str, Any], things: dict[str, Any]) -> dict[str, Any]:
    """Return values for an operation's query, aimed at what is hidden."""
    resource = f"dms:document:{things['document_id']}"
    aimed = {
        "q": SECRET,
        "name": f"{SECRET} document.txt",
        "principal": f"user:{things['user_id']}",
        "action": "dms:document:Read",
        "resource": resource,
        "folder_id": things["folder_id"],
        "document_id": things["document_id"],
        "version": 1,
    }
    named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    return {name: value for name, value in aimed.items() if name in named}


@pytest.mark.parametrize("who", ["member", "stranger"])
async def test_an_outsider_finds_nothing_anywhere(
    app: FastAPI, admin: Api, member: Api, stranger: Api, things: dict[str, Any], who: str
) -> None:
    outsider = {"member": member, "stranger": stranger}[who]
    before = (await admin.get(f"/documents/{things['document_id']}")).json()
    asked = 0
    for method, path, operation in operations(app):
        if (method, path) == ("POST", "/me/password"):
            continue  # it would sign the outsider out
        if path.startswith(("/users", "/admin", "/storage")) and who == "stranger":
            continue  # administrators administer their own organisation there
        concrete = path.format(**things)
        given = body_of(app, operation)
        query = query_of(operation, things)
        if path.startswith("/uploads/{"):
            given, arguments = None, {"headers": {**TUS, "Upload-Offset": "0"}}
        else:
            arguments = {}
        arguments |= {"content": b"x"} if given is None and method == "POST" else {"json": given}
        answer = await outsider.request(method, concrete, params=query, **arguments)
        # What was asked for may be repeated; the rest of what is hidden may not be told.
        told = answer.text.replace(f"{SECRET} document.txt", "")
        assert SECRET not in told, (method, path)
        if any(f"{{{name}}}" in path for name in OF_A_THING):
            assert answer.status_code in REFUSED, (method, path, answer.status_code)
            asked += 1
    assert asked > 25
    assert (await admin.get(f"/documents/{things['document_id']}")).json() == before


async def test_the_walk_would_see_what_is_there(admin: Api, things: dict[str, Any]) -> None:
    """The owner's same questions are answered: otherwise the walk would prove nothing."""
    for path in (
        "/folders",
        f"/folders/{things['folder_id']}/children",
        f"/documents/{things['document_id']}",
        "/documents/recent",
        "/trash",
        f"/search?q={SECRET}",
        f"/search/suggest?q={SECRET}",
        "/policies",
    ):
        answer = await admin.get(path)
        assert (answer.status_code, SECRET in answer.text) == (200, True), path
