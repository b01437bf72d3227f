"""What the scheduler starts, run as a worker runs it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from backend.audit import service as audit
from backend.core.clock import now
from backend.core.settings import Settings
from backend.documents.models import Document
from backend.search import upkeep
from backend.search.queries import wording
from tests.support.archive import Archive, new_archive
from worker.app import app
from worker.runtime import Runtime
from worker.tasks import maintenance


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """A worker process's runtime on a loop of its own; tasks that tasks start run at once."""
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    opened = Runtime.open(settings.model_copy(update={"gc_grace_hours": 0}))
    yield opened
    opened.close()
    app.conf.update(task_always_eager=False, task_eager_propagates=False)


def test_the_cleanup_of_the_trash_has_content_freed(runtime: Runtime) -> None:
    async def prepare() -> Archive:
        archive = await new_archive(runtime.database, runtime.content)
        await archive.upload(b"kept")
        expired, fresh = await archive.upload(b"expired"), await archive.upload(b"fresh")
        for document in (expired, fresh):
            await archive.trash(document)
        async with archive.database.transaction(archive.tenant) as session:
            long_ago = now() - timedelta(days=runtime.settings.trash_days + 1)
            await session.execute(
                update(Document).where(Document.id == expired).values(deleted_at=long_ago)
            )
        return archive

    archive = runtime.run(prepare())
    assert len(archive.stored()) == 3
    maintenance.cleanup_expired_trash.apply().get()
    assert len(archive.stored()) == 2
    assert archive.stored() == runtime.run(archive.referenced())
    assert len(runtime.run(archive.certificates())) == 1


def test_trails_are_signed_where_something_was_sealed_since(runtime: Runtime) -> None:
    async def prepare() -> Archive:
        archive = await new_archive(runtime.database, runtime.content)
        while await audit.seal(runtime.database):
            pass
        return archive

    async def signed(archive: Archive) -> list[int]:
        async with archive.database.transaction(archive.tenant) as session:
            found = await audit.list_checkpoints(session, org_id=archive.org_id, limit=10)
        return [one.statement.seq for one in found]

    archive = runtime.run(prepare())
    for _ in range(2):
        maintenance.checkpoint_trail.apply().get()
        # The cabinet that was made, and its maker's grant.
        assert runtime.run(signed(archive)) == [2]


def test_common_words_are_counted_and_their_champions_gathered(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "COMMON", 2)

    async def prepare() -> Archive:
        archive = await new_archive(runtime.database, runtime.content)
        ids = [await archive.upload(f"{n}".encode()) for n in range(3)]
        async with archive.database.transaction(archive.tenant) as session:
            await session.execute(
                update(Document).where(Document.id.in_(ids)).values(tags=["zukra"])
            )
        return archive

    async def listed(archive: Archive) -> bool:
        async with archive.database.transaction(archive.tenant) as session:
            known = await wording.known(session, archive.org_id, ["zukra"])
        return known is not None and known.counts == {"zukra": 3} and known.listed == {"zukra"}

    archive = runtime.run(prepare())
    maintenance.tend_search.apply().get()
    assert runtime.run(listed(archive))
