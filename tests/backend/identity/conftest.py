"""Users to sign in with, and clients at other network addresses."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic_core import Url

from backend.core.actor import Role
from backend.core.db import Database, Tenant
from backend.core.settings import Settings
from backend.identity import service
from tests.backend.identity.accounts import (
    Account,
    ClientAt,
    MakeAccount,
    SignedIn,
    sign_in,
    unique_address,
    unique_email,
)
from tests.backend.identity.mailing import Mailing
from tests.support.mail import mail_server


@pytest.fixture
def make_account(database: Database, organisation: int) -> MakeAccount:
    """A function that creates a user of the organisation (or of `org_id`)."""

    async def make(
        *, role: Role = Role.MEMBER, org_id: int | None = None, name: str = "Grace Hopper"
    ) -> Account:
        org = organisation if org_id is None else org_id
        email, password = unique_email(), f"password {secrets.token_hex(6)}"
        async with database.transaction(Tenant(org)) as session:
            user = await service.create_user(
                session, org_id=org, email=email, name=name, password=password, role=role
            )
        return Account(user.id, org, email, password)

    return make


@pytest.fixture
async def account(make_account: MakeAccount) -> Account:
    return await make_account()


@pytest.fixture
async def administrator(client: AsyncClient, make_account: MakeAccount) -> SignedIn:
    return await sign_in(client, await make_account(role=Role.ADMINISTRATOR, name="Ada Lovelace"))


@pytest.fixture
async def mailing(app: FastAPI, database: Database) -> AsyncIterator[Mailing]:
    """A mail server that the application is told of while the test runs."""
    settings: Settings = app.state.settings
    with mail_server() as server:
        given = {
            "smtp_url": Url(f"smtp+plain://127.0.0.1:{server.port}"),
            "mail_from": "DMS <dms@example.org>",
            "public_url": "https://dms.test/",
        }
        app.state.settings = settings.model_copy(update=given)
        made = Mailing(app, database, server)
        await made.forget_earlier()
        yield made
    app.state.settings = settings


@pytest.fixture
def client_at(app: FastAPI) -> ClientAt:
    """A function that opens a client of the application at another network address, without cookies."""

    @asynccontextmanager
    async def open_client(
        address: str | None = None, base_url: str = "http://dms.test"
    ) -> AsyncIterator[AsyncClient]:
        elsewhere = ASGITransport(app=app, client=(address or unique_address(), 50_000))
        async with AsyncClient(transport=elsewhere, base_url=base_url) as opened:
            yield opened

    return open_client
