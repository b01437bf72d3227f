"""HTTP of signing in by a provider. The browser itself comes here, so that refusals are shown by the sign-in page."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Cookie, Query, Request, Response, status
from fastapi.responses import RedirectResponse

from backend.core.errors import DomainError, SessionRequiredError, UnauthenticatedError
from backend.core.problems import problem_responses
from backend.core.web import PersonDep, SettingsDep
from backend.identity.errors import InvalidTicketError
from backend.identity.external.errors import ProviderFailedError, ProviderNotFoundError
from backend.identity.oidc import service
from backend.identity.oidc.client import OidcClient
from backend.identity.oidc.schemas import LinkBegun, ProviderOut
from backend.identity.router import AddressDep, KeeperDep, hand_out
from backend.identity.tickets import TTL

_COOKIE = "dms_oidc"
_PATH = "/api/v1/auth/oidc"
# Browsers drop tabs and line breaks from addresses: without them "/<tab>/evil.example" is another host's.
_OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f-\x9f]{0,2000}")

router = APIRouter(tags=["auth"])


@router.get("/auth/providers", operation_id="listProviders", summary="Whom one may sign in by")
async def list_providers(request: Request) -> list[ProviderOut]:
    """Return the OpenID providers of the settings."""
    clients: dict[str, OidcClient] = request.app.state.oidc
    return [ProviderOut(id=one.provider.id, name=one.provider.name) for one in clients.values()]


@router.get(
    "/auth/oidc/{provider_id}",
    operation_id="beginProviderSignIn",
    summary="Sign in by a provider",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    responses=problem_responses(ProviderNotFoundError, ProviderFailedError),
)
async def begin_provider_sign_in(
    request: Request,
    keeper: KeeperDep,
    settings: SettingsDep,
    provider_id: str,
    redirect: Annotated[
        str, Query(description="Where to go afterwards, a path.", max_length=2_000)
    ] = "/",
) -> Response:
    """Send the browser to the provider."""
    target = redirect if _OWN_PATH.fullmatch(redirect) else "/"
    begun = await service.begin(
        keeper,
        _client(request, provider_id),
        callback=_callback(request, settings, provider_id),
        redirect=target,
    )
    response = _see_other(begun.url)
    _keep(request, response, begun.ticket)
    return response


@router.get(
    "/auth/oidc/{provider_id}/callback",
    operation_id="finishProviderSignIn",
    summary="Come back from a provider",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    responses=problem_responses(ProviderNotFoundError),
)
async def finish_provider_sign_in(
    request: Request,
    keeper: KeeperDep,
    settings: SettingsDep,
    address: AddressDep,
    provider_id: str,
    code: Annotated[str, Query(max_length=4_000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
    ticket: Annotated[str, Cookie(alias=_COOKIE, max_length=4_000)] = "",
) -> Response:
    """Begin the session and go where the browser wanted to, or to the sign-in page with what went wrong."""
    client = _client(request, provider_id)
    try:
        if not ticket:
            raise InvalidTicketError("This browser began no sign-in, or too long ago.")
        if not code:
            raise ProviderFailedError("The provider did not confirm the sign-in.")
        done = await service.finish(
            keeper,
            client,
            ticket=ticket,
            state=state,
            code=code,
            callback=_callback(request, settings, provider_id),
            address=address,
        )
    except DomainError as error:
        response = _see_other(f"/login?{urlencode({'problem': error.code})}")
    else:
        response = _see_other(done.redirect)
        if done.tokens is not None:
            hand_out(request, response, keeper, done.tokens)
    response.delete_cookie(_COOKIE, path=_PATH)
    return response


@router.post(
    "/me/identities/{provider_id}",
    operation_id="linkProvider",
    summary="Link an identity of a provider",
    responses=problem_responses(
        UnauthenticatedError, SessionRequiredError, ProviderNotFoundError, ProviderFailedError
    ),
)
async def link_provider(
    request: Request,
    response: Response,
    keeper: KeeperDep,
    settings: SettingsDep,
    actor: PersonDep,
    provider_id: str,
) -> LinkBegun:
    """Return where the browser is to go; when it comes back, one may sign in by the provider."""
    begun = await service.begin(
        keeper,
        _client(request, provider_id),
        callback=_callback(request, settings, provider_id),
        redirect="/security",
        linking=actor,
    )
    _keep(request, response, begun.ticket)
    response.headers["Cache-Control"] = "no-store"
    return LinkBegun(url=begun.url)


def _client(request: Request, provider_id: str) -> OidcClient:
    clients: dict[str, OidcClient] = request.app.state.oidc
    if provider_id not in clients:
        raise ProviderNotFoundError(f"There is no provider {provider_id}.")
    return clients[provider_id]


def _callback(request: Request, settings: SettingsDep, provider_id: str) -> str:
    base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base.rstrip('/')}{_PATH}/{provider_id}/callback"


def _see_other(address: str) -> RedirectResponse:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(address, status.HTTP_303_SEE_OTHER, headers=headers)


def _keep(request: Request, response: Response, ticket: str) -> None:
    # Lax: the provider's page leads back here, and the cookie must come along.
    response.set_cookie(
        _COOKIE,
        ticket,
        max_age=TTL,
        path=_PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
