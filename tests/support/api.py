"""The service as a signed-in user calls it."""

import secrets
from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient, Response

from backend.core.actor import Role
from backend.core.db import Database, Tenant
from backend.identity import service as identity


@dataclass(frozen=True)
class Api:
    """A user's calls; paths are below /api/v1."""

    client: AsyncClient
    headers: dict[str, str]
    user_id: int
    org_id: int

    async def request(self, method: str, path: str, **arguments: Any) -> Response:
        headers = {**self.headers, **arguments.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> Response:
        return await self.request("GET", path, **arguments)

    async def post(self, path: str, **arguments: Any) -> Response:
        return await self.request("POST", path, **arguments)

    async def patch(self, path: str, json: Any, **arguments: Any) -> Response:
        return await self.request("PATCH", path, json=json, **arguments)

    async def put(self, path: str, json: Any, **arguments: Any) -> Response:
        return await self.request("PUT", path, json=json, **arguments)

    async def delete(self, path: str) -> Response:
        return await self.request("DELETE", path)

    async def folder(self, name: str, parent_id: int | None = None, kind: str | None = None) -> int:
        """Create a folder and return its id."""
        answer = await self.post(
            "/folders", json={"name": name, "parent_id": parent_id, "kind": kind}
        )
        assert answer.status_code == 201, answer.text
        created: int = answer.json()["id"]
        return created

    async def upload(
        self, folder_id: int, name: str, content: bytes = b"content", **params: Any
    ) -> Response:
        """Upload a raw body."""
        return await self.post(
            f"/folders/{folder_id}/documents", params={"name": name, **params}, content=content
        )

    async def document(
        self, folder_id: int, name: str, content: bytes = b"content"
    ) -> dict[str, Any]:
        """Upload a document and return it."""
        answer = await self.upload(folder_id, name, content)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def share(self, folder_id: int, user: "Api", role: str = "editor") -> int:
        """Grant a user a role on a folder; return the grant's id."""
        return await self.grant(f"folders/{folder_id}", f"user:{user.user_id}", role=role)

    async def grant(self, thing: str, principal: str, **values: Any) -> int:
        """Grant on `folders/…` or `documents/…`; return the grant's id."""
        answer = await self.post(f"/{thing}/grants", json={"principal": principal, **values})
        assert answer.status_code == 201, answer.text
        granted: int = answer.json()["id"]
        return granted


async def new_user(client: AsyncClient, database: Database, org_id: int, role: Role) -> Api:
    """Create a user of an organisation and sign in."""
    email, password = f"{secrets.token_hex(6)}@example.org", secrets.token_hex(8)
    async with database.transaction(Tenant(org_id)) as session:
        user = await identity.create_user(
            session,
            org_id=org_id,
            email=email,
            name=f"User {email[:4]}",
            password=password,
            role=role,
        )
    answer = await client.post("/api/v1/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return Api(client, headers, user.id, org_id)
