"""create_app(): mounts routers, error handlers and the lifespan; nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import structlog
from fastapi import APIRouter, FastAPI
from redis.asyncio import Redis

from backend.access.router import router as access
from backend.audit.service import Attempts
from backend.audit.statements import Signer
from backend.content.keys import follow_keyring, open_keyring
from backend.content.service import Content
from backend.core.db import Database
from backend.core.http import RequestMiddleware
from backend.core.logging import configure_logging
from backend.core.problems import add_problem_handlers
from backend.core.settings import Settings, get_settings
from backend.core.startup import RefusalMiddleware
from backend.denials import note_denials, write_attempts
from backend.documents.router import router as documents
from backend.duplicates.router import router as duplicates
from backend.folders.router import router as folders
from backend.identity.api_keys.router import router as api_keys
from backend.identity.external.settings import read_settings
from backend.identity.groups.router import router as groups
from backend.identity.invitations.router import router as invitations
from backend.identity.machines.router import router as machines
from backend.identity.oidc.client import OidcClient
from backend.identity.oidc.router import router as oidc
from backend.identity.passkeys.router import router as passkeys
from backend.identity.presence.router import router as presence
from backend.identity.recovery.router import router as recovery
from backend.identity.router import router as identity
from backend.identity.sealing import Sealer
from backend.identity.second_factor.router import router as second_factor
from backend.identity.service import authenticate, resume
from backend.identity.signin.router import router as signin
from backend.identity.tokens import TokenSigner
from backend.intake.router import of_documents as origins
from backend.intake.router import router as intake
from backend.notifications.router import router as live
from backend.notifications.service import Hub
from backend.operations.metrics import MetricsMiddleware
from backend.operations.router import VERSION, probes
from backend.operations.router import router as operations
from backend.previews.router import router as previews
from backend.scanning.router import router as scanning
from backend.scanning.service import is_released
from backend.search.router import router as search
from backend.texts.router import router as texts
from backend.trail.router import router as trail
from backend.uploads.router import UploadHeadersMiddleware
from backend.uploads.router import router as uploads
from backend.uploads.service import InProgress
from backend.verification.router import router as verification
from backend.webapp import mount_web_application
from storage import StoreError, prepare_process

log = structlog.get_logger(__name__)

API = "/api/v1"
# A temporary file that no process holds open belongs to one that died.
_ABANDONED_SECONDS = 0


async def _sweep(content: Content) -> None:
    """Clear away what died with earlier processes; what cannot be reached now is swept at the next occasion."""
    try:
        await content.run(content.store.sweep_temporary, _ABANDONED_SECONDS)
    except StoreError as error:
        log.warning("store_not_swept", error=str(error))


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    app.state.database = Database.connect(settings)
    app.state.redis = Redis.from_url(
        str(settings.redis_url),
        socket_timeout=10,
        socket_connect_timeout=5,
        health_check_interval=30,
    )
    keyring = await asyncio.to_thread(open_keyring, settings)
    app.state.content = Content.open_store(
        settings, keyring, released=partial(is_released, app.state.database)
    )
    app.state.uploads = InProgress()
    app.state.signer = TokenSigner(settings.master_key())
    app.state.audit_signer = await asyncio.to_thread(Signer, keyring)
    vouching = read_settings(settings.sign_in_file)
    app.state.oidc = {one.id: OidcClient(one) for one in vouching.oidc}
    app.state.directory = vouching.ldap
    app.state.sealer = Sealer(keyring)
    app.state.authenticate = partial(authenticate, signer=app.state.signer)
    app.state.resume = resume
    app.state.hub = Hub()
    await _sweep(app.state.content)
    tasks = [
        asyncio.create_task(app.state.hub.listen(app.state.redis)),
        asyncio.create_task(write_attempts(app.state.attempts, app.state.database)),
        asyncio.create_task(follow_keyring(keyring)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await app.state.uploads.close()
        await app.state.redis.aclose()
        await app.state.database.close()
        await asyncio.to_thread(app.state.content.close)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; it opens the database, Redis and the store when it starts."""
    settings = settings or get_settings()
    configure_logging(settings)
    prepare_process()
    app = FastAPI(
        title="DMS Enterprise",
        version=VERSION,
        openapi_url=f"{API}/openapi.json",
        docs_url=f"{API}/docs",
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.attempts = Attempts()
    api = APIRouter(prefix=API)
    people = (identity, presence, groups, invitations, recovery)
    credentials = (signin, second_factor, passkeys, api_keys, machines, oidc)
    files = (access, folders, duplicates, documents, uploads, previews, search, texts, scanning)
    looked_after = (intake, verification, trail, live, operations)
    for router in (*people, *credentials, *files, origins, *looked_after):
        api.include_router(router)
    app.include_router(api)
    app.include_router(probes)
    add_problem_handlers(app, note_denials(app.state.attempts))
    mount_web_application(app, settings.web_dir)
    app.add_middleware(UploadHeadersMiddleware)
    app.add_middleware(MetricsMiddleware)
    app.add_middleware(RequestMiddleware)
    app.add_middleware(RefusalMiddleware)
    return app
