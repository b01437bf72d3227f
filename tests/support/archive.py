"""An organisation with its database and its store, and what people do to them, without HTTP: to be held anywhere."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, text, update

from backend.audit.models import AuditEvent
from backend.collection import service as collection
from backend.collection.service import Collection
from backend.content.scanner import Scanner
from backend.content.service import Content, Received
from backend.core.actor import Actor, Role
from backend.core.db import Database, Tenant
from backend.core.settings import ScanMode, Settings
from backend.documents.models import Blob, Version
from backend.documents.schemas import OnConflict
from backend.documents.service import changing, uploading
from backend.folders import service as folders
from backend.identity.models import Membership, Organisation, User, store_namespace
from storage import BlobStore, Keyring


def open_content(settings: Settings) -> Content:
    """Open the store of the settings, without a scanner."""
    keyring = Keyring.open(settings.keyring_path, settings.master_key())
    scanner = Scanner(settings.model_copy(update={"scan": ScanMode.OFF}))
    return Content(BlobStore(settings.store_dir, keyring), scanner, max_size=2**30)


@dataclass
class Gate:
    """Where an upload waits: `reached` is set when it is there, and it goes on when `opened` is."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop(self) -> None:
        self.reached.set()
        await self.opened.wait()


class Gated:
    """Received content whose publication stops at a gate, before or after."""

    def __init__(self, received: Received, before: Gate | None, after: Gate | None) -> None:
        self._received, self._before, self._after = received, before, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._received, name)

    async def publish(self) -> bool:
        if self._before is not None:
            await self._before.stop()
        created = await self._received.publish()
        if self._after is not None:
            await self._after.stop()
        return created


@dataclass
class Archive:
    """What an administrator of one organisation does."""

    database: Database
    content: Content
    actor: Actor
    folder_id: int

    @property
    def org_id(self) -> int:
        return self.actor.org_id

    @property
    def namespace(self) -> str:
        return store_namespace(self.org_id)

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.org_id, self.actor.user_id)

    async def upload(
        self,
        content: bytes,
        *,
        to: int | None = None,
        before: Gate | None = None,
        after: Gate | None = None,
        end: Gate | None = None,
    ) -> int:
        """Upload as the route does, to a new document or as a version of `to`; return the document's id.

        The transaction stops at the gates: before and after the content is published, and before it is committed.
        """

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        async with (
            self.content.receive(chunks(), namespace=self.namespace) as received,
            self.database.transaction(self.tenant) as session,
        ):
            gated = Gated(received, before, after)
            if to is None:
                recorded = await uploading.record_document(
                    session,
                    self.actor,
                    gated,
                    folder_id=self.folder_id,
                    name=secrets.token_hex(8),
                    on_conflict=OnConflict.ERROR,
                    comment=None,
                )
                to = recorded.document_id
            else:
                await uploading.record_version(
                    session, self.actor, gated, document_id=to, comment=None
                )
            if end is not None:
                await end.stop()
        return to

    async def trash(self, document_id: int) -> None:
        async with self.database.transaction(self.tenant) as session:
            await changing.trash_document(session, self.actor, document_id)

    async def restore(self, document_id: int) -> None:
        async with self.database.transaction(self.tenant) as session:
            await changing.restore_document(session, self.actor, document_id, rename=True)

    async def restore_version(self, document_id: int, number: int) -> None:
        async with self.database.transaction(self.tenant) as session:
            await uploading.restore_version(session, self.actor, document_id, number)

    async def purge(self, document_id: int) -> None:
        """Delete a document in the trash for good."""
        async with self.database.transaction(self.tenant) as session:
            await changing.purge_document(session, self.actor, document_id)

    async def dispose(self, document_id: int) -> None:
        """Delete a document for good."""
        await self.trash(document_id)
        await self.purge(document_id)

    async def collect(self, *, hours: float = 0, adopt_all: bool = False) -> Collection:
        return await collection.collect(
            self.database,
            self.content,
            self.org_id,
            grace=timedelta(hours=hours),
            adopt_all=adopt_all,
        )

    async def pass_time(self, hours: float) -> None:
        """Let what is marked have been marked so much earlier."""
        async with self.database.transaction(self.tenant) as session:
            earlier = Blob.marked_at - timedelta(hours=hours)
            await session.execute(
                update(Blob).where(Blob.marked_at.is_not(None)).values(marked_at=earlier)
            )

    async def rows(self) -> dict[bytes, Blob]:
        """The rows of blobs, by digest."""
        async with self.database.transaction(self.tenant) as session:
            return {blob.digest: blob for blob in await session.scalars(select(Blob))}

    async def referenced(self) -> set[bytes]:
        """The digests that versions refer to."""
        async with self.database.transaction(self.tenant) as session:
            return set(await session.scalars(select(Blob.digest).join(Version).distinct()))

    async def certificates(self) -> list[AuditEvent]:
        """What the audit trail says was destroyed."""
        async with self.database.transaction(self.tenant) as session:
            statement = select(AuditEvent).where(AuditEvent.action == "blob.shredded")
            return list(await session.scalars(statement.order_by(AuditEvent.id)))

    def stored(self) -> set[bytes]:
        """The digests that the store has."""
        return set(self.content.store.digests(self.namespace))

    def read(self, digest: bytes) -> bytes:
        with self.content.store.open(self.namespace, digest) as reader:
            return b"".join(reader.iter())

    def file(self, settings: Settings, digest: bytes) -> Path:
        name = digest.hex()
        return settings.store_dir / self.namespace / name[:2] / name[2:4] / name


async def new_archive(database: Database, content: Content) -> Archive:
    """Make an organisation with an administrator and a cabinet."""
    unique = secrets.token_hex(8)
    async with database.transaction() as session:
        organisation = Organisation(name=unique)
        session.add(organisation)
        await session.flush()
    async with database.transaction(Tenant(organisation.id)) as session:
        # Nobody signs in: no password is hashed, which takes longer than all the rest.
        user = User(email=f"{unique}@example.org", name="Archivist", password_hash="-")
        session.add(user)
        await session.flush()
        session.add(Membership(org_id=organisation.id, user_id=user.id, role=Role.ADMINISTRATOR))
    actor = Actor(user.id, organisation.id, Role.ADMINISTRATOR, user.name)
    async with database.transaction(Tenant(organisation.id, user.id)) as session:
        cabinet = await folders.create_folder(
            session, actor, name="Cabinet", parent_id=None, kind=None
        )
    return Archive(database, content, actor, cabinet.id)


async def until_blocked(
    database: Database, work: asyncio.Task[Any], reached: Callable[[], bool] = lambda: False
) -> None:
    """Wait until the work waits for a lock, has reached something, or has ended."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not (work.done() or reached()):
        async with database.transaction() as session:
            if await session.scalar(waiting):
                return
        await asyncio.sleep(0.002)
