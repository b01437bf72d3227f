"""What the tests of search share: an organisation whose documents are rows, written without a store or a worker."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.roles import GrantRole
from backend.core.actor import Actor, Role
from backend.core.db import Database, Tenant, set_tenant
from backend.documents.models import Blob, Document, ScanStatus, Version
from backend.folders.models import Folder, FolderKind
from backend.identity.models import Membership, Organisation, User
from backend.search import service
from backend.search.schemas import SearchResult
from tests.support.grants import give

START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Library:
    """An organisation in an open transaction, which is rolled back when the test ends."""

    session: AsyncSession
    administrator: Actor
    minutes: "count[int]"

    @property
    def org_id(self) -> int:
        return self.administrator.org_id

    async def member(self, name: str = "Member") -> Actor:
        return await _user(self.session, self.org_id, Role.MEMBER, name)

    async def cabinet(self, name: str = "", *readers: Actor) -> int:
        folder = await self._folder(name, None)
        roles = {reader.user_id: GrantRole.READER for reader in readers}
        for user_id, role in {**roles, self.administrator.user_id: GrantRole.MANAGER}.items():
            await self.give(role, user_id=user_id, folder_id=folder)
        return folder

    async def give(self, role: GrantRole = GrantRole.READER, **on: Any) -> int:
        by = self.administrator.user_id
        return await give(self.session, self.org_id, role=role, by=by, **on)

    async def folder(self, parent_id: int, name: str = "") -> int:
        return await self._folder(name, await self.session.get_one(Folder, parent_id))

    async def _folder(self, name: str, parent: Folder | None) -> int:
        folder = Folder(
            org_id=self.org_id,
            parent_id=parent.id if parent else None,
            kind=FolderKind.FOLDER if parent else FolderKind.CABINET,
            name=name or secrets.token_hex(4),
            path="0",
            created_by=self.administrator.user_id,
        )
        self.session.add(folder)
        await self.session.flush()
        folder.path = f"{parent.path}.{folder.id}" if parent else str(folder.id)
        await self.session.flush()
        return folder.id

    async def document(
        self,
        folder_id: int,
        name: str = "",
        text: str | None = None,
        *,
        language: str | None = "en",
        media_type: str = "application/pdf",
        size: int = 1,
        **values: Any,
    ) -> int:
        """Write a document as the documents domain does, and its text as a worker does."""
        document = Document(
            **{
                "org_id": self.org_id,
                "folder_id": folder_id,
                "name": name or f"{secrets.token_hex(8)}.pdf",
                "owner_id": self.administrator.user_id,
                "created_at": START + timedelta(minutes=next(self.minutes)),
                **values,
            }
        )
        self.session.add(document)
        await self.session.flush()
        await self.version(document, text, language=language, media_type=media_type, size=size)
        return document.id

    async def version(
        self,
        document: Document,
        text: str | None = None,
        *,
        number: int = 1,
        language: str | None = "en",
        media_type: str = "application/pdf",
        size: int = 1,
    ) -> int:
        blob = Blob(org_id=self.org_id, digest=secrets.token_bytes(32), size=size, stored_size=size)
        self.session.add(blob)
        await self.session.flush()
        version = Version(
            org_id=self.org_id,
            document_id=document.id,
            number=number,
            blob_id=blob.id,
            media_type=media_type,
            scan_status=ScanStatus.CLEAN,
            created_by=self.administrator.user_id,
        )
        self.session.add(version)
        await self.session.flush()
        document.current_version_id = version.id
        await self.session.flush()
        if text is not None:
            await self.index(version.id, text, language=language)
        return version.id

    async def index(self, version_id: int, text: str, *, language: str | None = "en") -> None:
        await service.index_text(
            self.session,
            org_id=self.org_id,
            version_id=version_id,
            text=text,
            language=language,
            engine="test",
        )

    async def search(self, q: str = "", actor: Actor | None = None, **options: Any) -> SearchResult:
        # What a request loads was not loaded by the one that wrote it.
        self.session.expunge_all()
        query = service.SearchQuery(**{"q": q, **options})
        return await service.search(self.session, actor or self.administrator, query)

    async def find(self, q: str = "", actor: Actor | None = None, **options: Any) -> list[int]:
        """Return the ids found, in their order."""
        result = await self.search(q, actor, **options)
        return [item.document.id for item in result.items]

    async def elsewhere(self) -> "Library":
        """Return the library of another organisation, in the same transaction; `back` returns here."""
        other = await new_organisation(self.session)
        return replace(self, administrator=other)

    async def enter(self) -> None:
        """Bind the transaction to this organisation."""
        await set_tenant(self.session, Tenant(self.org_id))


async def new_organisation(session: AsyncSession) -> Actor:
    organisation = Organisation(name=secrets.token_hex(4))
    session.add(organisation)
    await session.flush()
    await set_tenant(session, Tenant(organisation.id))
    return await _user(session, organisation.id, Role.ADMINISTRATOR, "Administrator")


async def _user(session: AsyncSession, org_id: int, role: Role, name: str) -> Actor:
    user = User(email=f"{secrets.token_hex(8)}@example.org", name=name, password_hash="")
    session.add(user)
    await session.flush()
    session.add(Membership(org_id=org_id, user_id=user.id, role=role))
    await session.flush()
    return Actor(user.id, org_id, role, name)


@pytest.fixture
async def library(database: Database) -> AsyncIterator[Library]:
    async with database.transaction() as session:
        yield Library(session, await new_organisation(session), count())
        await session.rollback()
