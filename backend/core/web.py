"""The edge of a request: its transaction, and the actor who is behind it.

Most routes take `SessionDep` and `ActorDep`: one request, one transaction, committed before the response is sent.
Routes that stream content take `UnitsDep` instead, so that no transaction stays open for as long as a transfer lasts.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import State

from backend.core.actor import ADMINISTER, Actor, Credentials, Role
from backend.core.db import Database
from backend.core.errors import ForbiddenError, SessionRequiredError
from backend.core.origin import bind_session
from backend.core.settings import Settings

Authenticate = Callable[[AsyncSession, Credentials], Awaitable[Actor]]
"""Verifies credentials, binds the transaction to the tenant, returns the actor; raises `UnauthenticatedError`.

`identity` provides it and `main` puts it in place: the edge knows that callers are verified, not how.
"""

Resume = Callable[[AsyncSession, Actor], Awaitable[Actor]]
"""The same for an actor who was verified earlier in the request; raises if that is no longer welcome."""

_bearer = HTTPBearer(
    auto_error=False, description="An access token of `POST /auth/login` or `POST /auth/token`."
)
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="A key of `/me/api-keys`.")


def get_database(request: Request) -> Database:
    """Return the application's database."""
    database: Database = request.app.state.database
    return database


def get_app_settings(request: Request) -> Settings:
    """Return the application's settings."""
    settings: Settings = request.app.state.settings
    return settings


def _credentials(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    api_key: Annotated[str | None, Depends(_api_key)],
) -> Credentials:
    return Credentials(bearer=bearer.credentials if bearer else None, api_key=api_key)


async def _session(database: "DatabaseDep") -> AsyncIterator[AsyncSession]:
    async with database.transaction() as session:
        yield session


async def _anyone(
    request: Request,
    session: "SessionDep",
    credentials: Annotated[Credentials, Depends(_credentials)],
) -> Actor:
    authenticate: Authenticate = request.app.state.authenticate
    return bind_actor(request.state, await authenticate(session, credentials))


def bind_actor(state: State, actor: Actor) -> Actor:
    """Remember who makes the request whose `state` this is, for what is recorded of it; return the actor."""
    state.actor = actor
    bind_session(actor.session_id)
    return actor


def bound_actor(request: Request) -> Actor | None:
    """Return who makes a request, once that is verified."""
    actor: Actor | None = getattr(request.state, "actor", None)
    return actor


def _not_an_auditor(actor: Actor) -> Actor:
    if actor.is_auditor:
        raise ForbiddenError("An auditor reads the trail, and nothing else.")
    return actor


async def _actor(actor: "AnyoneDep") -> Actor:
    return _not_an_auditor(actor)


def require_administrator(actor: Actor) -> Actor:
    """Return an actor who may administer the organisation.

    Raises:
        ForbiddenError: this one may not, or the credentials are not meant for it.
    """
    if actor.role is not Role.ADMINISTRATOR:
        raise ForbiddenError("Only an administrator of the organisation may do this.")
    if not actor.is_administrator:
        raise ForbiddenError("The API key is not meant for administration.", action=ADMINISTER)
    return actor


async def _administrator(actor: "ActorDep") -> Actor:
    return require_administrator(actor)


def require_person(actor: Actor) -> Actor:
    """Return the actor if a person signed in, and no key is behind the request.

    Raises:
        SessionRequiredError: one is.
    """
    if not actor.is_signed_in:
        raise SessionRequiredError("Sign in to change how you sign in; an API key may not.")
    return actor


async def _person(actor: "AnyoneDep") -> Actor:
    return require_person(actor)


def require_auditor(actor: Actor) -> Actor:
    """Return an actor who may read the audit trail.

    Raises:
        ForbiddenError: this one may not.
    """
    if not actor.reads_trail:
        raise ForbiddenError("Only auditors and administrators may read the audit trail.")
    return actor


async def _auditor(actor: "AnyoneDep") -> Actor:
    return require_auditor(actor)


class Units:
    """Short transactions within one long request, each authenticated anew.

    The access token is asked for in the first alone: it may expire while a large file is on its way. That the user is
    still welcome is asked in each.
    """

    def __init__(
        self,
        state: State,
        of_request: State,
        credentials: Credentials,
        *,
        admit: Callable[[Actor], Actor],
    ) -> None:
        self._database: Database = state.database
        self._authenticate: Authenticate = state.authenticate
        self._resume: Resume = state.resume
        self._of_request = of_request
        self._credentials = credentials
        self._admit = admit
        self._actor: Actor | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[AsyncSession, Actor]]:
        """Open one transaction and return it with the actor; commit at the end of the block."""
        async with self._database.transaction() as session:
            if self._actor is None:
                self._actor = await self._authenticate(session, self._credentials)
            else:
                self._actor = await self._resume(session, self._actor)
            yield session, self._admit(bind_actor(self._of_request, self._actor))


def request_digest(request: Request, body: object = None) -> bytes:
    """Return what tells a request from another: its method, its address, and a body that is not a stream."""
    return hashlib.sha256(
        f"{request.method} {request.url.path}?{request.url.query} {body!r}".encode()
    ).digest()


def _units(request: Request, credentials: Annotated[Credentials, Depends(_credentials)]) -> Units:
    return Units(request.app.state, request.state, credentials, admit=_not_an_auditor)


def _anyones_units(
    request: Request, credentials: Annotated[Credentials, Depends(_credentials)]
) -> Units:
    return Units(request.app.state, request.state, credentials, admit=lambda actor: actor)


SettingsDep = Annotated[Settings, Depends(get_app_settings)]
DatabaseDep = Annotated[Database, Depends(get_database)]
# The function scope ends before the response is sent: what was answered was committed.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
AnyoneDep = Annotated[Actor, Depends(_anyone)]
"""Whoever is signed in, auditors too: for what concerns oneself."""
ActorDep = Annotated[Actor, Depends(_actor)]
"""Whoever is signed in and works with documents: not an auditor."""
AuditorDep = Annotated[Actor, Depends(_auditor)]
AdministratorDep = Annotated[Actor, Depends(_administrator)]
PersonDep = Annotated[Actor, Depends(_person)]
"""A person who signed in, auditors too: what concerns the account itself is out of reach of its keys."""
UnitsDep = Annotated[Units, Depends(_units)]
AnyonesUnitsDep = Annotated[Units, Depends(_anyones_units)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="Names this creation; sent again with the same key, it is answered again and done once.",
    ),
]
