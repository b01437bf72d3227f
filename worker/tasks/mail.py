"""What is sent by mail. A letter is written when it is sent; the transaction ends before the mail server is asked."""

from collections.abc import Awaitable, Callable

import structlog
from celery import Task
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Tenant
from backend.identity.invitations import service as invitations
from backend.identity.recovery import service as recovery
from backend.notifications.mail import (
    Language,
    Letter,
    MailServerError,
    UndeliverableError,
    send,
)
from backend.scanning import service as scanning
from worker.app import app
from worker.runtime import Runtime

log = structlog.get_logger(__name__)

_TASK_SECONDS = 150
_MOST_TRIES = 20
_FIRST_WAIT = 5
_LONGEST_WAIT = 600
"""Seconds: some two hours in all."""

Write = Callable[[AsyncSession], Awaitable[tuple[str, Letter] | None]]
"""Writes a letter in a transaction and returns it after its address; None where there is no need any more."""


@app.task(name="mail.invitation", bind=True, time_limit=_TASK_SECONDS, max_retries=_MOST_TRIES)
def invitation(task: Task[..., None], *, org_id: int, invitation_id: int) -> None:
    """Send an invitation, if it is open."""
    runtime = Runtime.current()

    async def write(session: AsyncSession) -> tuple[str, Letter] | None:
        return await invitations.letter(
            session,
            invitation_id,
            org_id=org_id,
            signer=runtime.signer,
            settings=runtime.settings,
        )

    async def mark() -> None:
        async with runtime.database.transaction(Tenant(org_id)) as session:
            await invitations.mark_sent(session, invitation_id, org_id=org_id)

    if _deliver(task, org_id, write):
        runtime.run(mark())


@app.task(name="mail.prepare_reset", time_limit=_TASK_SECONDS)
def prepare_reset(*, org_id: int, email: str, language: str) -> None:
    """Make a link that resets a password, if the address is a user's; sending it is another task's."""
    del org_id
    runtime = Runtime.current()

    async def prepare() -> None:
        async with runtime.database.transaction() as session:
            await recovery.prepare(
                session, email=email, language=Language(language), signer=runtime.signer
            )

    runtime.run(prepare())


@app.task(name="mail.password_reset", bind=True, time_limit=_TASK_SECONDS, max_retries=_MOST_TRIES)
def password_reset(task: Task[..., None], *, org_id: int, reset_id: int) -> None:
    """Send a link that resets a password, if it is still good."""
    runtime = Runtime.current()

    async def write(session: AsyncSession) -> tuple[str, Letter] | None:
        return await recovery.letter(
            session, reset_id, signer=runtime.signer, settings=runtime.settings
        )

    _deliver(task, org_id, write)


@app.task(
    name="mail.password_changed", bind=True, time_limit=_TASK_SECONDS, max_retries=_MOST_TRIES
)
def password_changed(task: Task[..., None], *, org_id: int, user_id: int, language: str) -> None:
    """Tell a user that the password was reset."""

    async def write(session: AsyncSession) -> tuple[str, Letter] | None:
        return await recovery.changed_letter(session, user_id, language=Language(language))

    _deliver(task, org_id, write)


@app.task(name="mail.quarantined", bind=True, time_limit=_TASK_SECONDS, max_retries=_MOST_TRIES)
def quarantined(task: Task[..., None], *, org_id: int, quarantine_id: int, user_id: int) -> None:
    """Tell a user that malware was found in what is stored, unless that was decided on meanwhile."""
    settings = Runtime.current().settings

    async def write(session: AsyncSession) -> tuple[str, Letter] | None:
        return await scanning.letter(
            session, quarantine_id, user_id, org_id=org_id, settings=settings
        )

    _deliver(task, org_id, write)


def _deliver(task: Task[..., None], org_id: int, write: Write) -> bool:
    """Write a letter and send it; return whether the mail server took it. Tried again while it does not take any."""
    runtime = Runtime.current()
    server = runtime.settings.mail_server
    if server is None:
        log.warning("mail_not_configured", task=task.name)
        return False

    async def written() -> tuple[str, Letter] | None:
        async with runtime.database.transaction(Tenant(org_id)) as session:
            return await write(session)

    found = runtime.run(written())
    if found is None:
        return False
    to, letter = found
    try:
        send(server, letter, to=to)
    except UndeliverableError as error:
        log.warning("mail_undeliverable", task=task.name, reason=str(error))
        return False
    except MailServerError as error:
        log.warning("mail_waits", task=task.name, reason=str(error))
        wait = min(_FIRST_WAIT * 2 ** min(task.request.retries, 10), _LONGEST_WAIT)
        raise task.retry(exc=error, countdown=wait) from error
    log.info("mail_sent", task=task.name)
    return True
