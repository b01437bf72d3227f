"""Names with numbers, where many are taken."""

import pytest
from sqlalchemy import func, insert, literal, select, update

from backend.core.clock import now
from backend.core.db import Database, Tenant
from backend.documents.models import Document
from backend.documents.service.uploading import free_name
from tests.support.api import Api
from tests.support.queries import counted_queries

MANY = 2_600


@pytest.fixture
async def crowded(admin: Api, database: Database) -> int:
    """A folder in which a name and thousands of its numbers are taken."""
    folder = await admin.folder("Crowded")
    first = await admin.document(folder, "Invoice.eml")
    numbers = func.generate_series(1, MANY).table_valued("number").render_derived()
    alike = (Document.org_id, Document.folder_id, Document.owner_id, Document.current_version_id)
    name = func.concat("Invoice (", numbers.c.number, ").eml")
    copies = select(*alike, name).join(numbers, literal(value=True))
    async with database.transaction(Tenant(admin.org_id)) as session:
        await session.execute(
            insert(Document).from_select(
                [*(one.key for one in alike), "name"],
                copies.where(Document.id == first["id"]),
            )
        )
    return folder


async def test_a_number_is_found_in_a_few_questions_however_many_are_taken(
    crowded: int, admin: Api, database: Database
) -> None:
    async with database.transaction(Tenant(admin.org_id)) as session:
        with counted_queries() as statements:
            assert await free_name(session, crowded, "Invoice.eml") == f"Invoice ({MANY + 1}).eml"
        assert len(statements) <= 6


async def test_a_gap_is_used(crowded: int, admin: Api, database: Database) -> None:
    async with database.transaction(Tenant(admin.org_id)) as session:
        gap = update(Document).where(Document.folder_id == crowded)
        await session.execute(
            gap.where(Document.name == "Invoice (7).eml").values(deleted_at=now())
        )
        assert await free_name(session, crowded, "Invoice.eml") == "Invoice (7).eml"
