"""The relay: takes events out of the outbox to the Celery queues and to the WebSockets.

The one place that says which event starts which task, and who hears of it. It runs as a process of its own
(`dms relay`), any number of them at once.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import asyncpg
import structlog
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.audit import service as audit
from backend.core.clock import now
from backend.core.db import Database, Tenant, set_tenant
from backend.core.outbox import CHANNEL, OutboxEvent, send_again
from backend.core.queues import BEGUN, HAS_FAILED, OWED, Queue, Urgency, celery_app
from backend.core.settings import Settings
from backend.identity import service as identity
from backend.intake.service import RUN_WANTED, SOURCE_CHANGED, TEXT_READ
from backend.jobs.service import JOBS_CHANGED, RUN_AGAIN
from backend.notifications.service import SESSION_ENDED, Message, publish
from backend.scanning.service import MAIL_DUE, QUARANTINE_CHANGED
from backend.verification.service import FAULTS_CHANGED

log = structlog.get_logger(__name__)


class Task(NamedTuple):
    """A task and its queue. It is given the event's organisation and, of its data, what `arguments` names.

    What is `owed` is sent again where the queue was lost before it ended. Others need not be: what they are to do is
    found by its lease.
    """

    name: str
    queue: Queue
    arguments: tuple[str, ...]
    urgency: Urgency = Urgency.USUAL
    owed: bool = False


_READ = Task("indexing.process", Queue.FAST, ("version_id",))
_SHOW = Task("previews.prepare", Queue.HEAVY, ("version_id",))


def _letter(name: str, *arguments: str) -> tuple[Task, ...]:
    return (Task(name, Queue.FAST, arguments, owed=True),)


TASKS: dict[str, tuple[Task, ...]] = {
    "document.created": (_READ, _SHOW),
    "document.version_created": (_READ, _SHOW),
    "document.reindex_requested": (_READ,),
    "document.content_released": (_READ, _SHOW),
    "document.ocr_requested": (
        Task("indexing.ocr", Queue.HEAVY, ("version_id",), Urgency.PATIENT),
    ),
    "preview.requested": (_SHOW,),
    "preview.wanted": (Task("previews.prepare_now", Queue.FAST, ("version_id",)),),
    "preview.converted": (Task("previews.read_words", Queue.HEAVY, ("version_id",), owed=True),),
    "preview.pages_wanted": (Task("previews.draw", Queue.FAST, ("version_id", "pages", "size")),),
    "invitation.mail_due": _letter("mail.invitation", "invitation_id"),
    "password_reset.requested": _letter("mail.prepare_reset", "email", "language"),
    "password_reset.mail_due": _letter("mail.password_reset", "reset_id"),
    MAIL_DUE: _letter("mail.quarantined", "quarantine_id", "user_id"),
    RUN_WANTED: (Task("intake.run", Queue.FAST, ("source_id",), Urgency.PATIENT),),
    TEXT_READ: (Task("intake.apply_text_rules", Queue.FAST, ("item_id",), owed=True),),
    "password.reset": _letter("mail.password_changed", "user_id", "language"),
}
"""What starts which tasks."""

ADMINISTRATORS = frozenset({FAULTS_CHANGED, JOBS_CHANGED, QUARANTINE_CHANGED, SOURCE_CHANGED})
"""What the organisation's administrators hear of. Other events are for those who may see the folder they name."""

PERSONAL = frozenset({SESSION_ENDED})
"""What concerns the one user it names."""

LOST_AFTER = timedelta(hours=6)
"""After so long a task that is owed and has not ended is lost: none is tried again for longer."""
BATCH = 100
_NOTHING = timedelta(0)
_POLL_SECONDS = 5.0
_SEAL_SECONDS = 1.0
_GATHER_SECONDS = 0.1
_MAX_BACKOFF = 15.0


class Relay:
    """Moves events on until it is cancelled. An event may arrive twice, never not at all.

    One that comes alone leaves at once. While many come, those of a tenth of a second leave together, which costs less.

    Beside that it seals the audit trail: of all that runs, it alone is there always and has nothing to wait for.
    """

    def __init__(self, settings: Settings, database: Database, redis: Redis) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._celery: Celery = celery_app(settings)
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Relay for ever; wait longer and longer while Redis or the database is away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._pump())
            tasks.create_task(self._seal())

    async def relay_batch(self) -> int:
        """Move the oldest events on and return how many there were.

        Raises:
            RedisError, BrokerError: Redis is away; the events stay where they are.
        """
        async with self._database.transaction() as session:
            events = await _claim(session)
            if events:
                # One thread for all of them: handing over costs more than sending.
                await asyncio.to_thread(self._start_tasks, events)
                await self._tell(session, events)
                await _mark_sent(session, events)
        return len(events)

    async def recover(self) -> int:
        """Have what is owed sent again where the queues were lost; return how much.

        Raises:
            RedisError: Redis is away.
        """
        kept = await self._redis.exists(BEGUN)
        async with self._database.transaction() as session:
            lost = await send_again(session, sent_before=now() - (LOST_AFTER if kept else _NOTHING))
        # After the commit: a relay that dies between the two only sends again.
        await self._redis.set(BEGUN, now().isoformat(), nx=True)
        if lost:
            log.warning("tasks_sent_again", count=lost)
        return lost

    async def _pump(self) -> None:
        backoff = 0.5
        looked = -_POLL_SECONDS
        while True:
            self._wake.clear()
            begun = time.monotonic()
            try:
                if time.monotonic() - looked >= _POLL_SECONDS:
                    await self.recover()
                    looked = time.monotonic()
                count = await self.relay_batch()
                backoff = 0.5
            except (RedisError, BrokerError, DBAPIError, PoolTimeoutError, OSError) as error:
                log.warning("relay_waits", error=type(error).__name__, seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _MAX_BACKOFF)
                continue
            if count < BATCH:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
                await asyncio.sleep(begun + _GATHER_SECONDS - time.monotonic())

    async def _seal(self) -> None:
        """Give what was recorded its place in the chains, a second after its commit or earlier."""
        while True:
            try:
                sealed = await audit.seal(self._database)
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                log.warning("sealing_waits", error=type(error).__name__)
                sealed = 0
            if sealed < audit.SEALED_AT_ONCE:
                await asyncio.sleep(_SEAL_SECONDS)

    def _start_tasks(self, events: Sequence[OutboxEvent]) -> None:
        for event in events:
            if event.name == RUN_AGAIN:
                job = event.data
                self._send(event, job["task"], job["queue"], job["arguments"], has_failed=True)
            for task in TASKS.get(event.name, ()):
                given = {name: event.data[name] for name in task.arguments}
                self._send(
                    event,
                    task.name,
                    task.queue,
                    {"org_id": event.org_id, **given},
                    urgency=task.urgency,
                    owed=task.owed,
                )

    def _send(
        self,
        event: OutboxEvent,
        task: str,
        queue: str,
        arguments: Mapping[str, Any],
        *,
        urgency: Urgency = Urgency.USUAL,
        has_failed: bool = False,
        owed: bool = False,
    ) -> None:
        self._celery.send_task(
            task,
            kwargs=dict(arguments),
            queue=queue,
            priority=urgency,
            headers={
                "request_id": event.request_id,
                HAS_FAILED: has_failed,
                OWED: event.id if owed else None,
            },
            retry=False,
        )

    async def _tell(self, session: AsyncSession, events: Sequence[OutboxEvent]) -> None:
        readers = await _readers(session, {_audience(event) for event in events})
        messages = []
        for event in events:
            heard_by = readers[_audience(event)]
            if heard_by:
                at = event.created_at.isoformat()
                messages.append(Message(event.org_id, heard_by, event.name, event.data, at))
        await publish(self._redis, messages)

    async def _listen(self) -> None:
        """Be woken by commits; without a connection, polling goes on."""
        while True:
            try:
                async with _listening(self._settings, self._wake) as lost:
                    await lost.wait()
            except (asyncpg.PostgresError, OSError, TimeoutError) as error:
                log.warning("relay_polls", error=type(error).__name__)
            await asyncio.sleep(_POLL_SECONDS)


class _Audience(NamedTuple):
    """Who may know of an event: who sees a folder or reads a document, the administrators, one user, or nobody."""

    org_id: int
    folder_id: int | None
    document_id: int | None
    administrators: bool
    user_id: int | None


def _audience(event: OutboxEvent) -> _Audience:
    return _Audience(
        event.org_id,
        event.data.get("folder_id"),
        event.data.get("document_id"),
        event.name in ADMINISTRATORS,
        event.data["user_id"] if event.name in PERSONAL else None,
    )


async def _readers(
    session: AsyncSession, audiences: Iterable[_Audience]
) -> dict[_Audience, Sequence[int]]:
    """Return who is meant by each of the audiences, with a fixed number of queries for each organisation."""
    readers: dict[_Audience, Sequence[int]] = {}
    asked: dict[int, list[_Audience]] = {}
    for one in audiences:
        if one.user_id is not None:
            readers[one] = [one.user_id]
        elif one.administrators or one.folder_id is not None:
            asked.setdefault(one.org_id, []).append(one)
        else:
            readers[one] = []
    for org_id, of_one in asked.items():
        await set_tenant(session, Tenant(org_id))
        readers |= await _readers_in(session, org_id, of_one)
    return readers


async def _readers_in(
    session: AsyncSession, org_id: int, audiences: Sequence[_Audience]
) -> dict[_Audience, Sequence[int]]:
    readers: dict[_Audience, Sequence[int]] = {}
    subjects: dict[_Audience, access.Subject] = {}
    for one in audiences:
        if one.administrators:
            readers[one] = await identity.administrator_ids(session, org_id)
        elif one.folder_id is not None:
            subjects[one] = access.Subject(one.folder_id, one.document_id)
    if subjects:
        heard = await access.audiences(session, org_id, subjects.values())
        readers |= {one: heard[subject] for one, subject in subjects.items()}
    return readers


_OLDEST = (
    select(OutboxEvent)
    .where(OutboxEvent.sent_at.is_(None))
    .order_by(OutboxEvent.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)


async def _claim(session: AsyncSession) -> Sequence[OutboxEvent]:
    return (await session.scalars(_OLDEST)).all()


# The table itself: the objects that were claimed are not asked any more.
_MARK_SENT = (
    update(OutboxEvent.__table__)
    .where(OutboxEvent.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .values(
        sent_at=bindparam("sent_at"),
        done_at=func.coalesce(bindparam("done_at"), OutboxEvent.done_at),
    )
)


async def _mark_sent(session: AsyncSession, events: Sequence[OutboxEvent]) -> None:
    sent_at = now()
    owed = [one.id for one in events if any(task.owed for task in TASKS.get(one.name, ()))]
    done = [event.id for event in events if event.id not in owed]
    for ids, done_at in ((owed, None), (done, sent_at)):
        if ids:
            marked = {"ids": ids, "sent_at": sent_at, "done_at": done_at}
            await session.execute(_MARK_SENT, marked)


@contextlib.asynccontextmanager
async def _listening(settings: Settings, wake: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Wake on every commit with events; yield what is set when the connection is lost."""
    # LISTEN needs a session of its own: never through PgBouncer.
    url = make_url(str(settings.database_direct_url or settings.database_url))
    # SQLAlchemy reads the address of a Unix socket (`?host=/directory`) as libpq does; asyncpg does not.
    _, arguments = url.get_dialect()().create_connect_args(url)
    connection = await asyncpg.connect(**arguments, timeout=10)
    try:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *_: wake.set())
        yield lost
    finally:
        await connection.close()


async def run(settings: Settings) -> None:
    """Run a relay until cancelled."""
    database = Database.connect(settings)
    redis = Redis.from_url(str(settings.redis_url), socket_timeout=10, socket_connect_timeout=5)
    try:
        await Relay(settings, database, redis).run()
    finally:
        await redis.aclose()
        await database.close()
