"""Service accounts and the token endpoint of OAuth 2, over HTTP."""

import base64
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from httpx import AsyncClient, Response

from backend.core.clock import now
from backend.core.db import Database
from backend.identity.api_keys.keys import new_key
from tests.backend.identity.trail import recorded
from tests.support.api import Api

TOKEN = "/api/v1/auth/token"
GRANT = {"grant_type": "client_credentials"}


class Machine:
    """A service account with a key."""

    def __init__(self, account: dict[str, Any], key: dict[str, Any]) -> None:
        self.user_id: int = account["id"]
        self.client_id: str = account["client_id"]
        self.key_id: int = key["id"]
        self.secret: str = key["key"]

    @property
    def body(self) -> dict[str, str]:
        return {**GRANT, "client_id": self.client_id, "client_secret": self.secret}


async def make(admin: Api, **wanted: Any) -> Machine:
    account = await admin.post("/service-accounts", json={"name": "Scanner"})
    assert account.status_code == 201, account.text
    path = f"/service-accounts/{account.json()['id']}/keys"
    key = await admin.post(path, json={"name": "First", **wanted})
    assert key.status_code == 201, key.text
    return Machine(account.json(), key.json())


@pytest.fixture
async def machine(admin: Api) -> Machine:
    return await make(admin)


async def ask(client: AsyncClient, body: dict[str, str], **headers: str) -> Response:
    content = urlencode(body)
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return await client.post(TOKEN, content=content, headers=form)


async def me(client: AsyncClient, answer: Response) -> Response:
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return await client.get("/api/v1/me", headers=headers)


def basic(user: str, password: str) -> str:
    pair = f"{quote_plus(user)}:{quote_plus(password)}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


async def test_a_machine_gets_a_token_and_acts_with_it(
    client: AsyncClient, machine: Machine
) -> None:
    answer = await ask(client, machine.body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert "set-cookie" not in answer.headers
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, None)
    who = (await me(client, answer)).json()
    assert (who["user"]["id"], who["role"]) == (machine.user_id, "member")


async def test_a_machine_may_say_who_it_is_by_basic(client: AsyncClient, machine: Machine) -> None:
    header = basic(machine.client_id, machine.secret)
    assert (await ask(client, GRANT, Authorization=header)).status_code == 200
    named = {**GRANT, "client_id": machine.client_id}
    assert (await ask(client, named, Authorization=header)).status_code == 200
    other = {**GRANT, "client_id": "another"}
    refused = await ask(client, other, Authorization=header)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    twice = await ask(client, machine.body, Authorization=header)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")


async def test_the_key_itself_is_good_too(client: AsyncClient, machine: Machine) -> None:
    answer = await client.get("/api/v1/me", headers={"X-API-Key": machine.secret})
    assert answer.json()["user"]["id"] == machine.user_id


async def test_what_is_wrong_is_said_as_oauth_says_it(
    client: AsyncClient, machine: Machine
) -> None:
    right = machine.body
    wrong: list[tuple[dict[str, str], int, str]] = [
        ({"client_id": right["client_id"]}, 400, "invalid_request"),
        ({**right, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({**right, "grant_type": ""}, 400, "invalid_request"),
        (GRANT, 401, "invalid_client"),
        ({**right, "client_secret": new_key(1)}, 401, "invalid_client"),
        ({**right, "client_secret": "x"}, 401, "invalid_client"),
        ({**right, "client_id": "machine-1-1"}, 401, "invalid_client"),
        ({**right, "client_id": "x"}, 401, "invalid_client"),
        ({**right, "scope": "everything"}, 400, "invalid_scope"),
    ]
    for body, status, error in wrong:
        answer = await ask(client, body)
        assert (answer.status_code, answer.json()["error"]) == (status, error), body
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["error_description"]
        assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_malformed_requests_are_refused(client: AsyncClient, machine: Machine) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    content = urlencode(machine.body)
    attempts: list[tuple[str, dict[str, str]]] = [
        (content, {"Content-Type": "application/json"}),
        (content + "&grant_type=client_credentials", form),
        (content + "&x=" + "x" * 9_000, form),
        ("grant_type=client_credentials", {**form, "Authorization": "Basic ???"}),
        ("&".join(f"a{number}=1" for number in range(30)), form),
    ]
    for body, headers in attempts:
        answer = await client.post(TOKEN, content=body, headers=headers)
        assert answer.status_code in {400, 401}
        assert answer.json()["error"] in {"invalid_request", "invalid_client"}


async def test_a_person_is_no_client(client: AsyncClient, member: Api) -> None:
    key = (await member.post("/me/api-keys", json={"name": "x"})).json()["key"]
    body = {
        **GRANT,
        "client_id": f"machine-{member.org_id}-{member.user_id}",
        "client_secret": key,
    }
    answer = await ask(client, body)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_revoked_key_ends_its_tokens(
    client: AsyncClient, admin: Api, machine: Machine
) -> None:
    answer = await ask(client, machine.body)
    assert (await me(client, answer)).status_code == 200
    assert (await admin.delete(f"/api-keys/{machine.key_id}")).status_code == 204
    assert (await me(client, answer)).status_code == 401
    assert (await ask(client, machine.body)).status_code == 401


async def test_a_deactivated_machine_does_nothing(
    client: AsyncClient, admin: Api, machine: Machine
) -> None:
    answer = await ask(client, machine.body)
    await admin.patch(f"/users/{machine.user_id}", {"is_active": False})
    assert (await me(client, answer)).status_code == 401
    assert (await ask(client, machine.body)).status_code == 401


async def test_a_token_may_be_narrower_than_its_key_and_never_wider(
    client: AsyncClient, admin: Api
) -> None:
    machine = await make(admin, scopes=["dms:folder:*", "dms:document:Read"])
    cabinet = await admin.folder("Cabinet")
    await admin.grant(f"folders/{cabinet}", f"user:{machine.user_id}", role="editor")
    whole = await ask(client, machine.body)
    assert whole.json()["scope"] == "dms:document:Read dms:folder:*"
    narrow = await ask(client, {**machine.body, "scope": "dms:folder:List"})
    assert narrow.json()["scope"] == "dms:folder:List"
    wide = await ask(client, {**machine.body, "scope": "dms:folder:List dms:document:Create"})
    assert (wide.status_code, wide.json()["error"]) == (400, "invalid_scope")
    wider = await ask(client, {**machine.body, "scope": "dms:*:*"})
    assert wider.json()["error"] == "invalid_scope"
    new = {"name": "Drawer", "parent_id": cabinet, "kind": "drawer"}
    statuses = []
    for answer in (narrow, whole):
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        listed = await client.get(f"/api/v1/folders/{cabinet}", headers=headers)
        made = await client.post("/api/v1/folders", json=new, headers=headers)
        statuses.append((listed.status_code, made.status_code))
    assert statuses == [(200, 403), (200, 201)]


async def test_a_machine_cannot_sign_in(client: AsyncClient, admin: Api, machine: Machine) -> None:
    users = (await admin.get("/users")).json()["items"]
    [email] = [user["email"] for user in users if user["id"] == machine.user_id]
    body = {"email": email, "password": machine.secret}
    answer = await client.post("/api/v1/auth/login", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def rotate(admin: Api, machine: Machine, seconds: int) -> Response:
    path = f"/service-accounts/{machine.user_id}/keys/{machine.key_id}/rotate"
    return await admin.post(path, json={"overlap_seconds": seconds})


async def test_a_key_goes_on_beside_its_successor_for_as_long_as_is_asked(
    client: AsyncClient, admin: Api, database: Database
) -> None:
    ends = (now() + timedelta(days=30)).isoformat()
    machine = await make(admin, scopes=["dms:*:Read"], expires_at=ends)
    made = await rotate(admin, machine, 3_600)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    successor = made.json()
    assert (successor["name"], successor["scopes"]) == ("First", ["dms:*:Read"])
    life = datetime.fromisoformat(successor["expires_at"]) - datetime.fromisoformat(
        successor["created_at"]
    )
    assert abs(life - timedelta(days=30)) < timedelta(minutes=5)
    keys = (await admin.get(f"/service-accounts/{machine.user_id}/keys")).json()
    former = next(key for key in keys if key["id"] == machine.key_id)
    left = datetime.fromisoformat(former["expires_at"]) - now()
    assert timedelta(minutes=50) < left <= timedelta(hours=1)
    for secret in (machine.secret, successor["key"]):
        answer = await ask(client, {**machine.body, "client_secret": secret})
        assert answer.status_code == 200
    [event] = await recorded(database, admin.org_id, "api_key.rotated")
    assert event.object == f"api_key:{machine.key_id}"
    assert event.data["successor"] == f"api_key:{successor['id']}"
    [listed] = (await admin.get("/service-accounts")).json()["items"]
    assert listed["keys"] == 2
    assert listed["last_used_at"] is not None


async def test_without_overlap_the_former_key_is_refused_at_once(
    client: AsyncClient, admin: Api, machine: Machine
) -> None:
    successor = (await rotate(admin, machine, 0)).json()
    assert successor["expires_at"] is None
    assert (await ask(client, machine.body)).status_code == 401
    again = await ask(client, {**machine.body, "client_secret": successor["key"]})
    assert again.status_code == 200
    assert (await rotate(admin, machine, 0)).status_code == 404


async def test_overlap_never_makes_a_key_last_longer(admin: Api) -> None:
    machine = await make(admin, expires_at=(now() + timedelta(minutes=5)).isoformat())
    await rotate(admin, machine, 86_400)
    keys = (await admin.get(f"/service-accounts/{machine.user_id}/keys")).json()
    former = next(key for key in keys if key["id"] == machine.key_id)
    assert datetime.fromisoformat(former["expires_at"]) - now() <= timedelta(minutes=5)


async def test_keys_are_rotated_by_administrators_and_of_programs_alone(
    admin: Api, member: Api, stranger: Api, machine: Machine
) -> None:
    assert (await rotate(member, machine, 0)).status_code == 403
    assert (await rotate(stranger, machine, 0)).status_code == 404
    own = (await member.post("/me/api-keys", json={"name": "x"})).json()
    body = {"overlap_seconds": 0}
    for user_id in (member.user_id, machine.user_id):
        path = f"/service-accounts/{user_id}/keys/{own['id']}/rotate"
        assert (await admin.post(path, json=body)).status_code == 404
    assert (await rotate(admin, machine, -1)).status_code == 422


async def test_programs_and_people_are_listed_apart(
    admin: Api, member: Api, machine: Machine
) -> None:
    def ids(answer: Response) -> set[int]:
        return {user["id"] for user in answer.json()["items"]}

    programs = await admin.get("/users", params={"kind": "machine"})
    people = await admin.get("/users", params={"kind": "person"})
    assert ids(programs) == {machine.user_id}
    assert ids(people) >= {admin.user_id, member.user_id}
    assert machine.user_id not in ids(people)
    assert ids(await admin.get("/users")) == ids(people) | {machine.user_id}
    assert {user["kind"] for user in programs.json()["items"]} == {"machine"}


async def test_a_program_is_given_no_password(admin: Api, machine: Machine) -> None:
    refused = await admin.patch(f"/users/{machine.user_id}", {"password": "long enough"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_password")


async def test_machines_are_administered_by_administrators(
    admin: Api, member: Api, stranger: Api, machine: Machine, database: Database
) -> None:
    keys = f"/service-accounts/{machine.user_id}/keys"
    for path in ("/service-accounts", keys):
        assert (await member.get(path)).status_code == 403
    assert (await member.post("/service-accounts", json={"name": "x"})).status_code == 403
    assert (await stranger.get(keys)).status_code == 404
    assert (await stranger.get("/service-accounts")).json()["items"] == []
    person = f"/service-accounts/{member.user_id}/keys"
    assert (await admin.post(person, json={"name": "x"})).status_code == 404
    await make(admin)
    first = (await admin.get("/service-accounts", params={"limit": 1})).json()
    query = {"limit": 1, "cursor": first["next_cursor"]}
    second = (await admin.get("/service-accounts", params=query)).json()
    assert first["items"][0]["id"] == machine.user_id
    assert second["next_cursor"] is None
    assert [key["id"] for key in (await admin.get(keys)).json()] == [machine.key_id]
    events = await recorded(database, admin.org_id, "service_account.created", "api_key.created")
    assert [event.actor_id for event in events] == [admin.user_id] * 4
