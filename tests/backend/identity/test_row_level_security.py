"""A transaction bound to one organisation neither sees nor touches a row of another, whatever a statement forgets."""

import secrets
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.models import CabinetMember, ShareRole
from backend.audit import service as audit
from backend.audit.statements import Signer
from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Base, Database, Tenant
from backend.core.idempotency import KeptAnswer
from backend.documents.models import Blob, Document, ScanStatus, Version
from backend.folders.models import Folder, FolderKind
from backend.identity.models import Membership, Organisation, RefreshToken, User
from backend.search.models import SearchLanguage, VersionText
from backend.verification.models import Fault, StoreFault

Row = TypeVar("Row", bound=Base)

OPEN = {
    # The relay reads every organisation's events.
    "outbox",
    # Under a policy `@@` may not use the index; tests/backend/search tries to get round its only door.
    "document_search",
}

APPEND_ONLY = {"audit_events", "audit_seals", "audit_tail", "audit_checkpoints"}
"""Tables whose rows the application may neither change nor remove, not even its own."""

HAS_ORG_ID = """
SELECT c.relname, c.relrowsecurity
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""


async def fill(database: Database, signer: Signer, org_id: int) -> int:
    """Put a row of the organisation into every fenced table; return the user they belong to."""
    unique = secrets.token_hex(8)
    async with database.transaction(Tenant(org_id)) as session:

        async def add(row: Row) -> Row:
            session.add(row)
            await session.flush()
            return row

        user = await add(User(email=f"{unique}@example.org", name="U", password_hash="-"))
        await add(Membership(org_id=org_id, user_id=user.id, role=Role.MEMBER))
        await add(
            RefreshToken(
                org_id=org_id,
                user_id=user.id,
                session_id=unique,
                token_hash=secrets.token_bytes(32),
                expires_at=now() + timedelta(days=1),
            )
        )
        await add(
            KeptAnswer(
                org_id=org_id, user_id=user.id, key=unique, request_digest=b"", status=201, body={}
            )
        )
        folder = await add(
            Folder(
                org_id=org_id,
                kind=FolderKind.CABINET,
                name=unique,
                path="0",
                created_by=user.id,
            )
        )
        await add(
            CabinetMember(
                org_id=org_id, folder_id=folder.id, user_id=user.id, role=ShareRole.READER
            )
        )
        blob = await add(Blob(org_id=org_id, digest=secrets.token_bytes(32), size=1, stored_size=1))
        document = await add(
            Document(org_id=org_id, folder_id=folder.id, name=unique, owner_id=user.id)
        )
        version = await add(
            Version(
                org_id=org_id,
                document_id=document.id,
                number=1,
                blob_id=blob.id,
                media_type="text/plain",
                scan_status=ScanStatus.CLEAN,
                created_by=user.id,
            )
        )
        await add(
            VersionText(
                org_id=org_id, version_id=version.id, text="words", engine="test", truncated=False
            )
        )
        await add(SearchLanguage(org_id=org_id, configuration=unique))
        await audit.record(
            session, [audit.Deed("test.done", "test:1")], org_id=org_id, actor_id=user.id
        )
        await add(StoreFault(org_id=org_id, digest=blob.digest, fault=Fault.MISSING, detail="test"))
    while await audit.seal(database):
        pass
    async with database.transaction(Tenant(org_id, user.id)) as session:
        await audit.make_checkpoint(session, signer, org_id=org_id)
    return user.id


async def leave_unsealed(database: Database, org_id: int) -> None:
    """Record an event that waits for its seal."""
    async with database.transaction(Tenant(org_id)) as session:
        await audit.record(session, [audit.Deed("a.b", "c:1")], org_id=org_id, actor_id=None)


@pytest.fixture
async def other(database: Database) -> int:
    async with database.transaction() as session:
        created = Organisation(name="Another")
        session.add(created)
        await session.flush()
        return created.id


async def fenced(session: AsyncSession) -> list[str]:
    return [
        row.relname for row in await session.execute(text(HAS_ORG_ID)) if row.relname not in OPEN
    ]


async def count(session: AsyncSession, table: str, where: str) -> int:
    found = await session.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}"))  # noqa: S608
    assert found is not None
    return found


async def test_every_table_with_an_organisation_is_fenced(database: Database) -> None:
    async with database.transaction() as session:
        unprotected = {
            row.relname for row in await session.execute(text(HAS_ORG_ID)) if not row.relrowsecurity
        }
        role = (
            await session.execute(
                text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            )
        ).scalar_one()
        owned = await session.scalar(
            text("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
        )
    assert unprotected == OPEN
    assert role is False
    assert owned == 0


async def test_rows_of_another_organisation_are_neither_seen_nor_touched(
    database: Database, signer: Signer, organisation: int, other: int
) -> None:
    for org_id in (organisation, other):
        await fill(database, signer, org_id)
    for org_id in (organisation, other):
        await leave_unsealed(database, org_id)
    async with database.transaction(Tenant(organisation)) as session:
        for table in await fenced(session):
            assert await count(session, table, f"org_id = {organisation}") >= 1, table
            assert await count(session, table, f"org_id <> {organisation}") == 0, table
            for statement in (
                f"UPDATE {table} SET org_id = org_id WHERE org_id = {other}",  # noqa: S608
                f"DELETE FROM {table} WHERE org_id = {other}",  # noqa: S608
            ):
                if table in APPEND_ONLY:
                    with pytest.raises(DBAPIError, match="permission denied"):
                        async with session.begin_nested():
                            await session.execute(text(statement))
                    continue
                touched = await session.execute(text(f"{statement} RETURNING 1"))
                assert touched.all() == [], table
    async with database.transaction(Tenant(other)) as session:
        for table in await fenced(session):
            assert await count(session, table, f"org_id = {other}") >= 1, table


async def test_no_row_can_be_given_to_another_organisation(
    database: Database, signer: Signer, organisation: int, other: int
) -> None:
    await fill(database, signer, organisation)
    async with database.transaction(Tenant(organisation)) as session:
        for table in await fenced(session):
            refusal = "permission denied" if table in APPEND_ONLY else "row-level security"
            with pytest.raises(DBAPIError, match=refusal):
                async with session.begin_nested():
                    await session.execute(
                        text(f"UPDATE {table} SET org_id = {other}")  # noqa: S608
                    )
        with pytest.raises(DBAPIError, match="row-level security"):
            await audit.record(session, [audit.Deed("a", "b")], org_id=other, actor_id=None)


async def test_without_an_organisation_there_are_no_rows(
    database: Database, signer: Signer, organisation: int
) -> None:
    await fill(database, signer, organisation)
    async with database.transaction() as session:
        for table in await fenced(session):
            assert await count(session, table, "true") == 0, table


async def test_the_tenant_ends_with_its_transaction(
    database: Database, signer: Signer, organisation: int
) -> None:
    user_id = await fill(database, signer, organisation)
    async with database.transaction(Tenant(organisation, user_id)) as session:
        connection = await session.connection()
        backend = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
    # The pool hands connections out again; what was bound on one must be gone.
    for _ in range(50):
        async with database.transaction() as session:
            assert await count(session, "folders", "true") == 0
            if await session.scalar(text("SELECT pg_backend_pid()")) == backend:
                return
    pytest.fail("the pool never handed the connection out again")


async def test_a_user_may_read_where_the_user_belongs_and_change_nothing_there(
    database: Database, signer: Signer, organisation: int, other: int
) -> None:
    user_id = await fill(database, signer, other)
    mine = f"user_id = {user_id}"
    async with database.transaction(Tenant(organisation, user_id)) as session:
        assert await count(session, "memberships", mine) == 1
        assert await count(session, "refresh_tokens", mine) == 1
        assert await count(session, "folders", f"org_id = {other}") == 0
        changed = await session.execute(
            text(f"UPDATE memberships SET role = 'administrator' WHERE {mine} RETURNING 1")  # noqa: S608
        )
        assert changed.all() == []
