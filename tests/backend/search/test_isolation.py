"""What may not be seen is not there: no item, count, facet, snippet, suggestion. The table behind has one door."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text, update

from backend.access.models import Grant
from backend.access.service import Keys
from backend.core.clock import now
from backend.core.db import Database
from backend.core.errors import NotFoundError
from backend.documents.models import Document
from backend.folders.models import Folder
from backend.search import service
from backend.search.models import DocumentSearch, VersionText
from backend.search.queries import searching as queries
from backend.search.queries import wording
from backend.search.schemas import Sort
from backend.texts.service.reading import read_text
from tests.backend.search.conftest import Library

ROOT = Path(__file__).parents[3]


async def test_the_searched_table_alone_has_no_policy(database: Database) -> None:
    async with database.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                "AND NOT relrowsecurity AND relname IN ('document_search', 'version_texts', 'search_languages')"
            )
        )
        assert [row.relname for row in rows] == ["document_search"]


def test_only_the_queries_of_search_name_the_table() -> None:
    """The table without a policy has one door; this keeps it so."""
    owners = {
        "backend/search/models.py",
        "backend/search/queries/searching.py",
        "backend/search/queries/upkeep.py",
    }
    for path in (*ROOT.glob("backend/**/*.py"), *ROOT.glob("worker/**/*.py")):
        relative = str(path.relative_to(ROOT))
        names = {
            node.id if isinstance(node, ast.Name) else str(node.value)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name)
            or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        }
        named = "DocumentSearch" in names or "document_search" in names
        assert not named or relative in owners, relative


@pytest.mark.parametrize("sort", list(Sort))
async def test_what_is_not_shared_is_not_there(library: Library, sort: Sort) -> None:
    member = await library.member()
    shared, hidden = await library.cabinet("Shared", member), await library.cabinet("Hidden")
    seen = await library.document(shared, "Secret plan open.pdf", "the secret plan", tags=["hush"])
    await library.document(
        hidden, "Secret plan closed.pdf", "the secret plan", tags=["hush", "deep"]
    )
    below = await library.folder(hidden)
    await library.document(
        below, "Secret plan below.png", "the secret plan", media_type="image/png"
    )
    for query in ("secret", "secrt", '"secret plan"', "", "-other", "type:pdf", "tag:hush"):
        result = await library.search(query, member, sort=sort)
        assert [item.document.id for item in result.items] == [seen], query
        assert result.total == 1
        assert [facet.model_dump() for facet in result.facets.type] == [
            {"value": "pdf", "count": 1}
        ]
        assert [facet.model_dump() for facet in result.facets.tag] == [
            {"value": "hush", "count": 1}
        ]
    for query in ("in:Hidden", f"in:{hidden}", "closed", "type:image", "tag:deep"):
        result = await library.search(query, member, sort=sort)
        assert (result.items, result.total, result.facets.type) == ([], 0, [])
    assert await library.find("", member, folder_id=hidden) == []
    suggested = await service.suggest(library.session, member, "secret")
    assert [suggestion.document_id for suggestion in suggested] == [seen]


async def test_another_organisation_is_not_there(library: Library) -> None:
    mine = await library.document(await library.cabinet("Ours"), "Secret ours.pdf", "secret")
    other = await library.elsewhere()
    theirs = await other.document(await other.cabinet("Theirs"), "Secret theirs.pdf", "secret")
    assert await other.find("secret") == [theirs]
    # Even an administrator whose request was bound to the wrong organisation gets nothing of it.
    assert await library.find("secret") == []
    await library.enter()
    for query in ("secret", "secrt", ""):
        result = await library.search(query)
        assert [item.document.id for item in result.items] == [mine]
        assert (result.total, result.facets.type[0].count) == (1, 1)
    assert [
        s.document_id
        for s in await service.suggest(library.session, library.administrator, "secret")
    ] == [mine]


async def test_keys_of_another_organisation_open_nothing(library: Library) -> None:
    """The organisation is a condition of its own: a wrong set of keys is not enough."""
    await library.document(await library.cabinet(), "Secret ours.pdf", "secret")
    other = await library.elsewhere()
    theirs = await other.cabinet()
    await other.document(theirs, "Secret theirs.pdf", "secret")
    words = wording.Words("'secret'", "'secret'", "", ("secret",))
    criteria = queries.Criteria(library.org_id, Keys([theirs]), words=words)
    session = library.session
    for by_folder in (False, True):
        for found in (
            await queries.by_relevance(session, criteria, after=None, by_folder=by_folder, limit=9),
            await queries.by_date(
                session, criteria, after=None, total=None, by_folder=by_folder, limit=9
            ),
            await queries.count_all(session, criteria, by_folder=by_folder),
        ):
            assert (found.hits, found.total) == ([], 0)
    assert (
        await queries.names_like(session, library.org_id, Keys([theirs]), "secret", limit=9) == []
    )
    everything = list(await session.scalars(select(DocumentSearch.document_id)))
    assert await queries.excerpts(session, criteria, everything) == {}


async def test_texts_are_behind_row_level_security(library: Library) -> None:
    await library.document(await library.cabinet(), text="secret")
    await library.elsewhere()
    assert await library.session.scalar(select(func.count()).select_from(VersionText)) == 0


async def test_a_revoked_share_a_move_and_the_trash_count_at_once(library: Library) -> None:
    member = await library.member()
    shared, hidden = await library.cabinet("", member), await library.cabinet()
    folder = await library.folder(shared)
    document = await library.document(folder, "Secret.pdf", "secret words")
    session = library.session

    async def change(**values: object) -> None:
        await session.execute(update(Document).where(Document.id == document).values(**values))

    assert await library.find("words", member) == [document]
    await change(deleted_at=now())
    assert await library.find("words") == []
    await change(deleted_at=None)
    assert await library.find("words", member) == [document]
    await change(folder_id=hidden)
    assert await library.find("words", member) == []
    assert await library.find("words") == [document]
    await change(folder_id=folder)
    await session.execute(update(Folder).where(Folder.id == folder).values(deleted_at=now()))
    assert await library.find("words") == []
    await session.execute(update(Folder).where(Folder.id == folder).values(deleted_at=None))
    await session.execute(
        delete(Grant).where(Grant.folder_id == shared, Grant.user_id == member.user_id)
    )
    assert await library.find("words", member) == []
    assert await library.find("words") == [document]
    await session.execute(
        update(Document).where(Document.id == document).values(current_version_id=None)
    )
    await session.execute(delete(Document).where(Document.id == document))
    assert await library.find("words") == []


async def test_the_text_of_what_is_not_shared(library: Library) -> None:
    member = await library.member()
    document = await library.document(await library.cabinet(), text="secret")
    with pytest.raises(NotFoundError):
        await read_text(library.session, member, document)
    assert (await read_text(library.session, library.administrator, document)).text == "secret"


async def test_stems_are_those_of_the_organisations_own_languages(library: Library) -> None:
    await library.document(await library.cabinet(), text="Rechnungen", language="de")
    other = await library.elsewhere()
    await other.document(await other.cabinet(), "x.txt", "Rechnungen", language=None)
    assert await other.find('"rechnung"') == []
