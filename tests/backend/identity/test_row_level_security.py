"""A transaction bound to one organisation neither sees nor touches a row of another, whatever a statement forgets."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Table, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.models import AccessRule, Grant, Policy, PolicyAttachment, PolicyVersion
from backend.access.roles import GrantRole
from backend.access.rules import Effect, Scope
from backend.audit import service as audit
from backend.audit.statements import Signer
from backend.core.actor import Role
from backend.core.clock import now
from backend.core.db import Base, Database, Tenant
from backend.core.idempotency import KeptAnswer
from backend.core.queues import Queue
from backend.documents.models import (
    Blob,
    Document,
    ScanStatus,
    Stage,
    UploadLimits,
    Version,
    VersionMetadata,
    VersionProgress,
)
from backend.duplicates.models import NearPair, TextBand, TextSignature
from backend.folders.models import Folder, FolderKind
from backend.identity.api_keys.models import ApiKey
from backend.identity.models import (
    Group,
    GroupMember,
    Invitation,
    InvitationGroup,
    Membership,
    Organisation,
    RefreshToken,
    User,
)
from backend.imports.models import Import, ImportedFile
from backend.intake.models import Item, ItemState, RuleList, Source, SourceKind
from backend.jobs.models import FailedJob, Failure, JobState
from backend.notifications.mail import Language
from backend.previews.models import PagePicture, Preview, Size
from backend.scanning.models import QuarantinedContent, QuarantineState
from backend.search.models import (
    SearchLanguage,
    SearchLexeme,
    SearchStatistics,
    VersionText,
    search_champions,
)
from backend.texts.models import LayerKind, ShownPage, TextLayer, TextPage, TextSettings
from backend.texts.pages import PageSource, PageStatus
from backend.uploads.models import Upload, UploadKind
from backend.verification.models import Fault, StoreFault
from migrations.tables import MODELS

Row = TypeVar("Row", bound=Base)

OPEN = {
    # The relay reads every organisation's events.
    "outbox",
    # Under a policy `@@` may not use the index; tests/backend/search tries to get round its only door.
    "document_search",
}

APPEND_ONLY = {
    "audit_checkpoints",
    "audit_events",
    "audit_seals",
    "audit_tail",
    "policy_versions",
}
"""Tables whose rows the application may neither change nor remove, not even its own."""

HAS_ORG_ID = """
SELECT c.relname, c.relrowsecurity
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""


def read_out(org_id: int, document_id: int, later_id: int, version_id: int) -> Iterator[Base]:
    """Yield rows of what was read out of a version."""
    yield VersionMetadata(org_id=org_id, version_id=version_id, fields={}, words="words")
    yield Preview(org_id=org_id, version_id=version_id)
    yield PagePicture(org_id=org_id, version_id=version_id, page=1, size=Size.MEDIUM)
    yield TextSignature(
        org_id=org_id,
        document_id=document_id,
        version_id=version_id,
        shingles=20,
        digest=b"",
    )
    yield TextSignature(org_id=org_id, document_id=later_id, version_id=0, shingles=20, digest=b"")
    yield TextBand(org_id=org_id, document_id=document_id, band=1)
    yield NearPair(org_id=org_id, document_id=document_id, other_id=later_id, similarity=1)
    yield TextLayer(org_id=org_id, version_id=version_id, number=1, kind=LayerKind.READING)
    yield TextPage(
        org_id=org_id,
        version_id=version_id,
        page=1,
        layer=1,
        status=PageStatus.READ,
        source=PageSource.FILE,
        text="words",
        words=b"",
    )
    yield ShownPage(org_id=org_id, version_id=version_id, page=1, text="words", words=b"")
    yield TextSettings(org_id=org_id, languages=["en"])


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
            ApiKey(
                org_id=org_id,
                user_id=user.id,
                name=unique,
                key_hash=secrets.token_bytes(32),
                hint="",
            )
        )
        await add(
            KeptAnswer(
                org_id=org_id, user_id=user.id, key=unique, request_digest=b"", status=201, body={}
            )
        )
        group = await add(Group(org_id=org_id, name=unique))
        await add(GroupMember(org_id=org_id, group_id=group.id, user_id=user.id))
        invitation = await add(
            Invitation(
                org_id=org_id,
                email=unique,
                role=Role.MEMBER,
                language=Language.ENGLISH,
                nonce=b"",
                secret_hash=secrets.token_bytes(32),
                invited_by=user.id,
                expires_at=now() + timedelta(days=1),
            )
        )
        await add(InvitationGroup(org_id=org_id, invitation_id=invitation.id, group_id=group.id))
        folder = await add(
            Folder(
                org_id=org_id,
                kind=FolderKind.CABINET,
                name=unique,
                path="0",
                created_by=user.id,
            )
        )
        grant = await add(
            Grant(
                org_id=org_id,
                folder_id=folder.id,
                user_id=user.id,
                effect=Effect.ALLOW,
                role=GrantRole.READER,
                created_by=user.id,
            )
        )
        await add(
            AccessRule(
                org_id=org_id,
                user_id=user.id,
                effect=Effect.ALLOW,
                actions=["dms:document:Read"],
                scope=Scope.TREE,
                folder_id=folder.id,
                grant_id=grant.id,
            )
        )
        policy = await add(Policy(org_id=org_id, name=unique, created_by=user.id))
        await add(
            PolicyVersion(
                org_id=org_id, policy_id=policy.id, number=1, document={}, created_by=user.id
            )
        )
        await add(
            PolicyAttachment(
                org_id=org_id, policy_id=policy.id, user_id=user.id, created_by=user.id
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
        later = await add(
            Document(org_id=org_id, folder_id=folder.id, name=f"{unique} 2", owner_id=user.id)
        )
        for row in read_out(org_id, document.id, later.id, version.id):
            await add(row)
        await add(SearchLanguage(org_id=org_id, configuration=unique))
        await add(SearchStatistics(org_id=org_id, documents=1, folders=[folder.id]))
        await add(SearchLexeme(org_id=org_id, lexeme=unique, documents=1))
        await session.execute(
            insert(search_champions).values(
                org_id=org_id, lexeme=unique, weight=1, document_id=document.id
            )
        )
        await audit.record(
            session, [audit.Deed("test.done", "test:1")], org_id=org_id, actor_id=user.id
        )
        await add(
            Upload(
                id=unique,
                org_id=org_id,
                user_id=user.id,
                kind=UploadKind.WHOLE,
                document_id=document.id,
                expires_at=now() + timedelta(days=1),
            )
        )
        await add(UploadLimits(org_id=org_id))
        brought = await add(
            Import(org_id=org_id, folder_id=folder.id, source=unique, source_digest=b"")
        )
        await add(
            ImportedFile(
                import_id=brought.id,
                path_digest=b"",
                org_id=org_id,
                path=unique,
                size=1,
                mtime_ns=1,
                document_id=document.id,
            )
        )
        source = await add(
            Source(
                org_id=org_id,
                name=unique,
                kind=SourceKind.SMTP,
                acts_as=user.id,
                settings={"address": f"{unique}@example.org"},
                created_by=user.id,
            )
        )
        await add(
            Item(
                org_id=org_id,
                source_id=source.id,
                key="1",
                place="1",
                name=unique,
                state=ItemState.FAILED,
            )
        )
        await add(RuleList(org_id=org_id))
        await add(StoreFault(org_id=org_id, digest=blob.digest, fault=Fault.MISSING, detail="test"))
        await add(
            FailedJob(
                org_id=org_id,
                task="test.done",
                queue=Queue.FAST,
                arguments={},
                fingerprint=secrets.token_bytes(32),
                failure=Failure.ERROR,
                reason="test",
                tries=1,
                state=JobState.FAILED,
            )
        )
        await add(VersionProgress(org_id=org_id, version_id=version.id, stage=Stage.OCR, done=1))
        await add(
            QuarantinedContent(
                org_id=org_id,
                digest=blob.digest,
                size=1,
                signature="Test",
                state=QuarantineState.HELD,
            )
        )
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


def described_with_an_organisation() -> dict[str, Table]:
    """The tables that the models give an organisation, but for those left open on purpose."""
    assert MODELS
    return {
        table.name: table
        for table in Base.metadata.sorted_tables
        if "org_id" in table.c and table.name not in OPEN
    }


async def test_every_table_the_models_give_an_organisation_has_a_policy(
    database: Database,
) -> None:
    async with database.transaction() as session:
        policies = await session.execute(
            text(
                "SELECT tablename, cmd, qual, with_check FROM pg_policies WHERE policyname = 'organisation'"
            )
        )
        fences = {row.tablename: (row.cmd, row.qual, row.with_check) for row in policies}
        assert set(await fenced(session)) == described_with_an_organisation().keys()
    condition = "(org_id = dms_org_id())"
    assert fences == dict.fromkeys(described_with_an_organisation(), ("ALL", condition, condition))


async def test_no_row_can_be_written_into_another_organisation(
    database: Database, signer: Signer, organisation: int, other: int
) -> None:
    await fill(database, signer, organisation)
    await fill(database, signer, other)
    for name, table in described_with_an_organisation().items():
        kept = [column.name for column in table.c if column.computed is None]
        given = [str(other) if column == "org_id" else f'"{column}"' for column in kept]
        columns = ", ".join(f'"{column}"' for column in kept)
        async with database.transaction(Tenant(organisation)) as session:
            # A row of one's own, copied into the other: all that is wrong with it is whose it is.
            copy = f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {', '.join(given)} FROM {name} LIMIT 1"  # noqa: S608, E501
            refusal = (
                f'row-level security policy for table "{name}"|permission denied for table {name}'
            )
            with pytest.raises(DBAPIError, match=refusal):
                async with session.begin_nested():
                    await session.execute(text(copy))


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
