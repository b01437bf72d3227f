"""Pictures are content of the store: kept while a version has them, freed with it, named when they are damaged."""

import io
from contextlib import AsyncExitStack

from PIL import Image
from sqlalchemy import delete, select

from backend.core.db import Base
from backend.documents.models import Blob, Version
from backend.previews import service as previews
from backend.previews.models import BLOB_REFERENCES, PagePicture, PreviewStatus, Size
from backend.previews.service import Drawn
from backend.verification.service.affected import documents_with_blobs
from migrations.tables import MODELS
from tests.support.archive import Archive


def webp(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (20, 30), shade).save(out, "WEBP")
    return out.getvalue()


async def version_of(archive: Archive, document_id: int) -> int:
    async with archive.database.transaction(archive.tenant) as session:
        newest = select(Version.id).where(Version.document_id == document_id)
        return (await session.scalars(newest.order_by(Version.id.desc()))).first() or 0


async def show(archive: Archive, document_id: int, *shades: int, pdf: bytes = b"") -> set[bytes]:
    """Give the newest version of a document these pages, and a PDF; return the digests of all that was stored."""
    version_id = await version_of(archive, document_id)
    async with AsyncExitStack() as stack:

        async def kept(data: bytes) -> object:
            keeping = archive.content.keep(data, namespace=archive.namespace)
            return await stack.enter_async_context(keeping)

        async with archive.database.transaction(archive.tenant) as session:
            taken = await previews.begin_preview(
                session, version_id, org_id=archive.org_id, is_mine=lambda _: True
            )
            assert taken is not None
        drawn = [
            Drawn(page, Size.MEDIUM, 20, 30, await kept(webp(shade)))
            for page, shade in enumerate(shades, start=1)
        ]
        converted = await kept(pdf) if pdf else None
        async with archive.database.transaction(archive.tenant) as session:
            assert await previews.finish_preview(
                session,
                version_id,
                status=PreviewStatus.READY,
                detail=None,
                sheet_sizes=[(20, 30)] * len(shades),
                drawn=drawn,
                pdf=converted,
            )
        stored = {one.received.digest for one in drawn}
        return stored | ({converted.digest} if converted else set())


def test_every_column_that_names_a_blob_is_known_to_collection() -> None:
    assert MODELS
    columns = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.c
        if any(key.target_fullname == "blobs.id" for key in column.foreign_keys)
    }
    assert {(one.class_.__tablename__, one.key) for one in BLOB_REFERENCES} == columns


async def test_pictures_live_as_long_as_their_version(archive: Archive) -> None:
    document = await archive.upload(b"a document")
    pictures = await show(archive, document, 10, 200, pdf=b"%PDF of it")
    assert len(pictures) == 3
    for _ in range(3):
        await archive.collect()
    assert pictures < archive.stored()
    await archive.trash(document)
    await archive.collect()
    assert pictures < archive.stored()
    await archive.purge(document)
    await archive.collect()
    await archive.collect()
    assert archive.stored() == set()
    assert await archive.rows() == {}


async def test_a_picture_that_two_versions_share_stays_with_the_other(archive: Archive) -> None:
    first, second = await archive.upload(b"one"), await archive.upload(b"two")
    blank = await show(archive, first, 255)
    assert await show(archive, second, 255) == blank
    await archive.dispose(first)
    for _ in range(2):
        await archive.collect()
    assert blank < archive.stored()
    assert archive.read(next(iter(blank))) == webp(255)


async def test_pictures_made_anew_free_the_earlier_ones(archive: Archive) -> None:
    document = await archive.upload(b"a document")
    earlier = await show(archive, document, 10)
    async with archive.database.transaction(archive.tenant) as session:
        await previews.request_preview(session, archive.actor, document, version=None)
    later = await show(archive, document, 99)
    for _ in range(2):
        await archive.collect()
    assert later < archive.stored()
    assert not earlier & archive.stored()


async def test_what_was_drawn_and_not_recorded_does_not_stay(archive: Archive) -> None:
    document = await archive.upload(b"a document")
    before = archive.stored()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(archive.content.keep(webp(1), namespace=archive.namespace))
    assert archive.stored() == before
    assert document


async def test_a_damaged_picture_is_told_as_its_documents(archive: Archive) -> None:
    document = await archive.upload(b"a document")
    pictures = await show(archive, document, 10, 200, pdf=b"%PDF of it")
    own = archive.stored() - pictures
    async with archive.database.transaction(archive.tenant) as session:
        found = await documents_with_blobs(session, sorted(archive.stored()), limit=10)
    assert found == {digest: [document] for digest in pictures | own}


async def test_no_row_of_a_blob_can_go_while_a_picture_names_it(archive: Archive) -> None:
    document = await archive.upload(b"a document")
    [digest] = await show(archive, document, 10)
    async with archive.database.transaction(archive.tenant) as session:
        await session.execute(delete(PagePicture))
        assert await session.scalar(select(Blob.id).where(Blob.digest == digest))
    await archive.collect()
    await archive.collect()
    assert digest not in archive.stored()
