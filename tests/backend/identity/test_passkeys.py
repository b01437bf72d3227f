"""Passkeys, over HTTP, with an authenticator in software."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from backend.core.db import Database
from tests.backend.identity.accounts import Account, ClientAt, MakeAccount, SignedIn, sign_in
from tests.backend.identity.authenticator import Authenticator, b64
from tests.backend.identity.trail import data_of, recorded, refusals

AUTH = "/api/v1/auth"


@pytest.fixture
async def user(client: AsyncClient, account: Account) -> SignedIn:
    return await sign_in(client, account)


async def begin(user: SignedIn) -> dict[str, Any]:
    answer = await user.request("POST", "/me/passkeys/begin")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    begun: dict[str, Any] = answer.json()
    return begun


async def finish(user: SignedIn, begun: dict[str, Any], credential: dict[str, Any]) -> Response:
    body = {"ticket": begun["ticket"], "name": "Laptop", "credential": credential}
    return await user.request("POST", "/me/passkeys", json=body)


async def add(user: SignedIn, authenticator: Authenticator) -> dict[str, Any]:
    begun = await begin(user)
    answer = await finish(user, begun, authenticator.create(begun["options"]))
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


async def ask(client: AsyncClient, ticket: str | None = None) -> dict[str, Any]:
    answer = await client.post(f"{AUTH}/passkey/begin", json={"ticket": ticket})
    assert answer.status_code == 200, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def answer_with(
    client: AsyncClient,
    begun: dict[str, Any],
    credential: dict[str, Any],
    ticket: str | None = None,
) -> Response:
    body = {"passkey_ticket": begun["ticket"], "credential": credential, "ticket": ticket}
    return await client.post(f"{AUTH}/passkey", json=body)


async def try_passkey(client: AsyncClient, authenticator: Authenticator) -> Response:
    begun = await ask(client)
    return await answer_with(client, begun, authenticator.get(begun["options"]))


async def password(client: AsyncClient, account: Account) -> Response:
    body = {"email": account.email, "password": account.password}
    return await client.post(f"{AUTH}/login", json=body)


async def whose(client: AsyncClient, answer: Response) -> int:
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = await client.get("/api/v1/me", headers=headers)
    found: int = me.json()["user"]["id"]
    return found


async def test_a_passkey_signs_in_by_itself(
    client: AsyncClient, user: SignedIn, database: Database
) -> None:
    authenticator = Authenticator()
    added = await add(user, authenticator)
    assert added["passkey"]["name"] == "Laptop"
    assert len(added["recovery_codes"]) == 10
    begun = await ask(client)
    assert begun["options"]["rpId"] == "dms.test"
    assert begun["options"]["userVerification"] == "required"
    assert not begun["options"].get("allowCredentials")
    answer = await answer_with(client, begun, authenticator.get(begun["options"]))
    assert answer.status_code == 200, answer.text
    assert "set-cookie" in answer.headers
    assert await whose(client, answer) == user.account.id
    said = await data_of(database, user.account.org_id, "user.signed_in")
    assert said[-1] == {"method": "passkey", "second_factor": "passkey"}
    [event] = await recorded(database, user.account.org_id, "passkey.added")
    assert event.object == f"passkey:{added['passkey']['id']}"
    [listed] = (await user.request("GET", "/me/passkeys")).json()
    assert listed["last_used_at"] is not None


async def test_a_passkey_is_the_second_factor_of_a_password(
    client: AsyncClient, user: SignedIn
) -> None:
    authenticator = Authenticator(verifies=False)
    added = await add(user, authenticator)
    first = await password(client, user.account)
    assert first.json()["code"] == "second_factor_required"
    assert first.json()["methods"] == ["passkey", "recovery_code"]
    ticket = first.json()["ticket"]
    begun = await ask(client, ticket)
    [allowed] = begun["options"]["allowCredentials"]
    assert allowed["id"] == b64(authenticator.credential_id)
    answer = await answer_with(client, begun, authenticator.get(begun["options"]), ticket)
    assert answer.status_code == 200, answer.text
    again = await ask(client, ticket)
    used = await answer_with(client, again, authenticator.get(again["options"]), ticket)
    assert (used.status_code, used.json()["code"]) == (401, "invalid_ticket")
    code = {"ticket": (await password(client, user.account)).json()["ticket"]}
    code["code"] = added["recovery_codes"][0]
    assert (await client.post(f"{AUTH}/second-factor", json=code)).status_code == 200


async def test_a_passkey_that_made_sure_of_nobody_is_not_enough_by_itself(
    app: FastAPI, client: AsyncClient, user: SignedIn, database: Database
) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    authenticator.verifies = False
    refused = await try_passkey(client, authenticator)
    assert (refused.status_code, refused.json()["code"]) == (401, "passkey_refused")
    assert "user_id" not in refused.json()
    noted = await refusals(app, database, user.account.org_id)
    assert noted == {("passkey", "wrong passkey"): 1}


async def test_an_answer_is_good_once(client: AsyncClient, user: SignedIn) -> None:
    authenticator = Authenticator(counts=False)
    await add(user, authenticator)
    begun = await ask(client)
    credential = authenticator.get(begun["options"])
    assert (await answer_with(client, begun, credential)).status_code == 200
    replayed = await answer_with(client, begun, credential)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "invalid_ticket")
    other = await answer_with(client, await ask(client), credential)
    assert (other.status_code, other.json()["code"]) == (401, "passkey_refused")


async def test_a_counter_that_goes_back_tells_of_a_copy(
    client: AsyncClient, user: SignedIn
) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    assert (await try_passkey(client, authenticator)).status_code == 200
    authenticator.counter -= 1
    assert (await try_passkey(client, authenticator)).status_code == 401
    assert (await try_passkey(client, authenticator)).status_code == 200


async def test_passkeys_that_do_not_count_are_good(client: AsyncClient, user: SignedIn) -> None:
    authenticator = Authenticator(counts=False)
    added = await add(user, authenticator)
    assert added["passkey"]["is_backed_up"]
    for _ in range(2):
        assert (await try_passkey(client, authenticator)).status_code == 200


async def test_what_another_page_was_told_is_refused(client: AsyncClient, user: SignedIn) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    authenticator.origin = "http://dms.test.example.org"
    assert (await try_passkey(client, authenticator)).status_code == 401
    begun = await begin(user)
    phished = Authenticator(origin="https://dms.test")
    refused = await finish(user, begun, phished.create(begun["options"]))
    assert (refused.status_code, refused.json()["code"]) == (422, "passkey_invalid")


async def test_what_was_made_for_another_site_is_refused(
    client: AsyncClient, user: SignedIn
) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    begun = await ask(client)
    begun["options"]["rpId"] = "example.org"
    answer = await answer_with(client, begun, authenticator.get(begun["options"]))
    assert answer.status_code == 401


async def test_a_signature_by_another_key_is_refused(client: AsyncClient, user: SignedIn) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    forger = Authenticator(
        credential_id=authenticator.credential_id, user_handle=authenticator.user_handle, counter=9
    )
    assert (await try_passkey(client, forger)).status_code == 401


async def test_an_answer_that_names_another_user_is_refused(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount
) -> None:
    mine, others = Authenticator(), Authenticator()
    await add(user, mine)
    other = await sign_in(client, await make_account())
    await add(other, others)
    mine.user_handle = others.user_handle
    assert (await try_passkey(client, mine)).status_code == 401


async def test_after_a_password_another_users_passkey_is_refused(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount
) -> None:
    await add(user, Authenticator())
    others = Authenticator()
    await add(await sign_in(client, await make_account()), others)
    ticket = (await password(client, user.account)).json()["ticket"]
    begun = await ask(client, ticket)
    answer = await answer_with(client, begun, others.get(begun["options"]), ticket)
    assert (answer.status_code, answer.json()["code"]) == (401, "passkey_refused")


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": 7},
        {"id": "é", "rawId": "é", "type": "public-key", "response": {}},
        {
            "id": "YQ",
            "rawId": "YQ",
            "type": "public-key",
            "response": {"clientDataJSON": "é", "authenticatorData": "", "signature": ""},
        },
        {
            "id": "YQ",
            "rawId": "YQ",
            "type": "public-key",
            "response": {"clientDataJSON": "YQ", "attestationObject": "YQ"},
        },
    ],
)
async def test_what_is_no_credential_is_refused(
    client: AsyncClient, user: SignedIn, credential: dict[str, Any]
) -> None:
    assert (await answer_with(client, await ask(client), credential)).status_code == 401
    assert (await finish(user, await begin(user), credential)).status_code == 422


async def test_tickets_are_for_one_user_and_one_purpose(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount, app: FastAPI
) -> None:
    other = await sign_in(client, await make_account())
    begun = await begin(user)
    credential = Authenticator().create(begun["options"])
    stolen = await finish(other, begun, credential)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_ticket")
    assert (await finish(user, await ask(client), credential)).status_code == 401
    assert (await finish(user, begun, credential)).status_code == 201
    assert (await finish(user, begun, credential)).status_code == 401
    for path, body in (
        ("begin", {"ticket": begun["ticket"]}),
        ("", {"passkey_ticket": begun["ticket"], "credential": credential}),
    ):
        refused = await client.post(f"{AUTH}/passkey/{path}".rstrip("/"), json=body)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_ticket")


async def test_further_passkeys_know_the_first_and_the_same_user(user: SignedIn) -> None:
    first, second = Authenticator(), Authenticator()
    await add(user, first)
    begun = await begin(user)
    [excluded] = begun["options"]["excludeCredentials"]
    assert excluded["id"] == b64(first.credential_id)
    answer = await finish(user, begun, second.create(begun["options"]))
    assert answer.json()["recovery_codes"] is None
    assert first.user_handle == second.user_handle
    again = await begin(user)
    refused = await finish(user, again, first.create(again["options"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "passkey_exists")


async def test_passkeys_are_renamed_and_removed_by_their_owner(
    client: AsyncClient, user: SignedIn, make_account: MakeAccount, database: Database
) -> None:
    authenticator = Authenticator()
    number = (await add(user, authenticator))["passkey"]["id"]
    path = f"/me/passkeys/{number}"
    other = await sign_in(client, await make_account())
    for method, body in (("PATCH", {"name": "Mine"}), ("DELETE", None)):
        assert (await other.request(method, path, json=body)).status_code == 404
    renamed = await user.request("PATCH", path, json={"name": "Old laptop"})
    assert renamed.json()["name"] == "Old laptop"
    assert (await user.request("DELETE", path)).status_code == 204
    assert (await user.request("GET", "/me/passkeys")).json() == []
    assert (await try_passkey(client, authenticator)).status_code == 401
    assert (await password(client, user.account)).status_code == 200
    assert len(await recorded(database, user.account.org_id, "passkey.removed")) == 1


async def test_a_reset_takes_passkeys_away(
    client: AsyncClient, user: SignedIn, administrator: SignedIn
) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    path = f"/users/{user.account.id}/second-factor"
    assert (await administrator.request("DELETE", path)).status_code == 204
    assert (await try_passkey(client, authenticator)).status_code == 401
    assert (await password(client, user.account)).status_code == 200


async def test_a_deactivated_users_passkey_is_refused(
    client: AsyncClient, user: SignedIn, administrator: SignedIn
) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    await administrator.request("PATCH", f"/users/{user.account.id}", json={"is_active": False})
    assert (await try_passkey(client, authenticator)).status_code == 401


async def test_a_passkey_satisfies_the_organisation(
    client: AsyncClient, user: SignedIn, administrator: SignedIn
) -> None:
    authenticator = Authenticator()
    await add(user, authenticator)
    await administrator.request("PUT", "/sign-in-policy", json={"second_factor": "everybody"})
    assert (await try_passkey(client, authenticator)).status_code == 200
    assert (await password(client, user.account)).json()["code"] == "second_factor_required"


async def test_other_sites_cannot_sign_in(client_at: ClientAt) -> None:
    async with client_at() as client:
        for path in ("passkey/begin", "passkey", "second-factor", "enrolment"):
            answer = await client.post(
                f"{AUTH}/{path}", json={"ticket": "x"}, headers={"Origin": "http://evil.test"}
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin"), path
