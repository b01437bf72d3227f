"""`dms organisation`, as an operator runs it."""

import asyncio
import os
import re
from pathlib import Path

from httpx import AsyncClient

from backend.core.settings import Settings
from tests.backend.identity.accounts import unique_email
from tests.support.api import Api
from tests.support.commands import dms


async def create(settings: Settings, *arguments: str) -> tuple[int, str]:
    run = await asyncio.to_thread(
        dms,
        {"PATH": os.environ["PATH"], "DMS_DATABASE_URL": str(settings.database_url)},
        *("organisation", "create", *arguments),
    )
    assert "Traceback" not in run.stderr, run.stderr
    return run.returncode, run.stdout


async def test_an_organisation_gets_an_administrator_who_can_sign_in(
    client: AsyncClient, settings: Settings
) -> None:
    email = unique_email()
    code, told = await create(settings, "Harbour", "--administrator", email)
    assert code == 0
    found = re.fullmatch(r"Organisation (\d+) was created, .* with the password (\S+)\n", told)
    assert found is not None, told
    signed_in = await client.post("/api/v1/auth/login", json={"email": email, "password": found[2]})
    headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    me = (await client.get("/api/v1/me", headers=headers)).json()
    assert me["organisation"] == {"id": int(found[1]), "name": "Harbour"}
    assert me["role"] == "administrator"


async def test_who_has_an_account_administers_with_that(admin: Api, settings: Settings) -> None:
    email = (await admin.get("/me")).json()["user"]["email"]
    code, told = await create(settings, "Second", "--administrator", email.swapcase())
    assert (code, "password" in told) == (0, False)
    mine = (await admin.get("/me/organisations")).json()
    assert {one["organisation"]["name"]: one["role"] for one in mine}["Second"] == "administrator"


async def test_what_cannot_be_is_refused(settings: Settings) -> None:
    assert await create(settings, " ", "--administrator", "a@example.org") == (2, "")
    assert await create(settings, "Name", "--administrator", "nobody") == (2, "")


def test_beside_a_stopped_service_it_says_that_the_database_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    environment = {"PATH": os.environ["PATH"], "DMS_DATA_DIR": str(tmp_path)}
    run = dms(environment, "organisation", "create", "Name", "--administrator", "a@example.org")
    said = "The database of this data directory does not run. Is the service running?\n"
    assert (run.returncode, run.stderr) == (4, said)
