"""The way of a letter in a test: the events a request left, run as the worker's tasks, to a real mail server."""

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy import select, update

from backend.core.clock import now
from backend.core.db import Database
from backend.core.outbox import OutboxEvent
from backend.relay import TASKS
from tests.support.mail import MailServer, Received
from worker.app import app as celery
from worker.runtime import Runtime
from worker.tasks import mail

MAILED = {
    name: task for name, tasks in TASKS.items() for task in tasks if task.name.startswith("mail.")
}


@dataclass(frozen=True)
class Mailing:
    """The application with a mail server behind it."""

    app: FastAPI
    database: Database
    server: MailServer

    async def forget_earlier(self) -> None:
        """Take what earlier tests left to be mailed as mailed."""
        async with self.database.transaction() as session:
            await session.execute(
                update(OutboxEvent).where(OutboxEvent.name.in_(MAILED)).values(sent_at=now())
            )

    async def letters(self) -> list[Received]:
        """Run what is due to be mailed, and what that makes due; return what arrived since the last time."""
        while await self._run_due():
            pass
        arrived, self.server.letters[:] = list(self.server.letters), []
        return arrived

    async def _run_due(self) -> int:
        async with self.database.transaction() as session:
            statement = (
                select(OutboxEvent)
                .where(OutboxEvent.name.in_(MAILED), OutboxEvent.sent_at.is_(None))
                .order_by(OutboxEvent.id)
                .with_for_update()
            )
            due = (await session.scalars(statement)).all()
            for event in due:
                event.sent_at = now()
        for event in due:
            task = MAILED[event.name]
            given = {name: event.data[name] for name in task.arguments}
            await asyncio.to_thread(self._run, task.name, {"org_id": event.org_id, **given})
        return len(due)

    def _run(self, name: str, arguments: dict[str, object]) -> None:
        """As a worker's process does: on a loop and with connections of its own."""
        runtime = Runtime.open(self.app.state.settings)
        assert mail.app is celery
        try:
            celery.tasks[name].apply(kwargs=arguments, throw=True).get()
        finally:
            runtime.close()
