"""Everything in any order: the real store, the real database, and transactions that are held open while all goes on.

The machine knows what a user knows: which documents there are, and what was put into them. After every step, each
content that a version refers to is read back whole. Where a step has to wait for what is held, that is let go.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from backend.collection.service import Collection, collecting, pin_store, release_pin
from backend.core.clock import now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.documents import service as documents
from backend.documents.models import Blob
from tests.backend.collection.test_collecting import digest_of
from tests.backend.collection.test_races import STEPS, CrashError, Stop, crash_at, removing
from tests.support.archive import Archive, Gate, new_archive, open_content, until_blocked

T = TypeVar("T")

CONTENTS = (b"", b"compressible " * 500)
WAYS_TO_COLLECT = ("at once", "with grace", "twice", "by wrong marks")
MEANWHILE = st.lists(
    st.sampled_from([*CONTENTS, *CONTENTS, *WAYS_TO_COLLECT]), min_size=1, max_size=3
)
"""What happens while something is held: uploads of these contents, and these collections."""
GRACE_HOURS = 24
SECONDS = 60


class Machine(RuleBasedStateMachine):
    """An archive, and a model of it: the contents of each document's versions, in the order of their numbers."""

    settings: ClassVar[Settings]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.live: dict[int, list[bytes]] = {}
        self.trash: dict[int, list[bytes]] = {}
        self.upload: asyncio.Task[int] | None = None
        self.upload_gate = Gate()
        self.upload_content = b""
        self.collection: asyncio.Task[Any] | None = None
        self.collection_stop = Stop()
        self.pin: int | None = None
        self.archive: Archive = self.run(self.open())

    async def open(self) -> Archive:
        database = Database.connect(self.settings)
        return await new_archive(database, open_content(self.settings))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(coroutine, SECONDS))

    # Waiting for what is held, and letting it go: gently, to its end, or not, so that it is rolled back.

    async def do(self, coroutine: Coroutine[Any, Any, T], *, gently: bool = True) -> T:
        """Do something; if it has to wait for what is held, let that go."""
        task = asyncio.ensure_future(coroutine)
        await until_blocked(self.archive.database, task)
        if not task.done():
            await self.let_collection_go(gently=gently, for_whom=task)
            await self.let_upload_go(gently=gently)
        return await task

    async def let_upload_go(self, *, gently: bool) -> None:
        if self.upload is None:
            return
        task, self.upload = self.upload, None
        if gently:
            self.upload_gate.opened.set()
            document = await task
            self.live.setdefault(document, []).append(self.upload_content)
        else:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def let_collection_go(
        self, *, gently: bool, for_whom: asyncio.Task[Any] | None = None
    ) -> None:
        if self.collection is None:
            return
        task, self.collection = self.collection, None
        if not gently:
            task.cancel()
            # Its threads still stand where they stood: nobody may get at the rows meanwhile.
            await asyncio.wait([for_whom or task], timeout=0.02)
        self.collection_stop.opened.set()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def until_held(self, task: asyncio.Task[Any], reached: Callable[[], bool]) -> None:
        """Wait until a task stands still where it was to, or has ended; let go what it waits for meanwhile."""
        await until_blocked(self.archive.database, task, reached)
        while not (task.done() or reached()):
            await self.let_collection_go(gently=True)
            await self.let_upload_go(gently=True)
            await until_blocked(self.archive.database, task, reached)

    # What users do.

    def document(self, data: st.DataObject, of: dict[int, list[bytes]]) -> int:
        return data.draw(st.sampled_from(sorted(of)))

    @rule(content=st.sampled_from(CONTENTS), gently=st.booleans())
    def put(self, content: bytes, *, gently: bool) -> None:
        document = self.run(self.do(self.archive.upload(content), gently=gently))
        self.live[document] = [content]

    @precondition(lambda self: self.live)
    @rule(data=st.data(), content=st.sampled_from((*CONTENTS, None)), gently=st.booleans())
    def put_version(self, data: st.DataObject, content: bytes | None, *, gently: bool) -> None:
        """Add a version, with new content or with that of an earlier version."""
        document = self.document(data, self.live)
        if content is None:
            number = data.draw(st.integers(1, len(self.live[document])))
            content = self.live[document][number - 1]
            self.run(self.do(self.archive.restore_version(document, number), gently=gently))
        else:
            self.run(self.do(self.archive.upload(content, to=document), gently=gently))
        self.live[document].append(content)

    @precondition(lambda self: self.live or self.trash)
    @rule(data=st.data(), what=st.sampled_from(["delete", "restore", "purge", "purge expired"]))
    def tidy(self, data: st.DataObject, what: str) -> None:
        """Put a document in the trash, or take it out, or delete what is there for good."""

        async def purge_expired() -> None:
            later = now() + timedelta(days=1)
            async with self.archive.database.transaction(self.archive.tenant) as session:
                await documents.purge_expired(session, org_id=self.archive.org_id, before=later)

        if what == "delete" or not self.trash:
            document = self.document(data, self.live or self.trash)
            if document in self.live:
                self.run(self.do(self.archive.trash(document)))
                self.trash[document] = self.live.pop(document)
        elif what == "restore":
            document = self.document(data, self.trash)
            self.run(self.do(self.archive.restore(document)))
            self.live[document] = self.trash.pop(document)
        elif what == "purge":
            document = self.document(data, self.trash)
            self.run(self.do(self.archive.purge(document)))
            del self.trash[document]
        else:
            self.run(self.do(purge_expired()))
            self.trash.clear()

    async def abandon(self) -> None:
        """Dispose of everything, and let its grace pass: what is uploaded from now on meets marked blobs."""
        await self.let_collection_go(gently=True)
        await self.let_upload_go(gently=False)
        for document in self.live:
            await self.archive.trash(document)
        for document in [*self.live, *self.trash]:
            await self.archive.purge(document)
        self.live.clear()
        self.trash.clear()
        await self.archive.collect(hours=GRACE_HOURS)
        await self.archive.pass_time(2 * GRACE_HOURS)

    @initialize()
    def begin_with_content_that_is_due(self) -> None:
        for content in CONTENTS:
            self.put(content=content, gently=True)
        self.run(self.abandon())

    # An upload under way.

    @precondition(lambda self: self.upload is None)
    @rule(
        content=st.sampled_from(CONTENTS),
        place=st.sampled_from(["before", "after", "end"]),
        due=st.sampled_from([True, True, False]),
        meanwhile=MEANWHILE,
        gently=st.booleans(),
    )
    def begin_upload(
        self, content: bytes, place: str, meanwhile: list[bytes | str], *, due: bool, gently: bool
    ) -> None:
        """Hold an upload in its transaction; where `due` is set, over content that a collection may have at once."""
        self.upload_gate, self.upload_content = Gate(), content

        async def begin() -> None:
            if due:
                await self.abandon()
            to = min(self.live) if self.live else None
            gate = {place: self.upload_gate}
            task = asyncio.create_task(self.archive.upload(content, to=to, **gate))
            await self.until_held(task, self.upload_gate.reached.is_set)
            self.upload = task

        self.run(begin())
        self.go_on(meanwhile, gently=gently)

    def go_on(self, meanwhile: list[bytes | str], *, gently: bool) -> None:
        for deed in meanwhile:
            if isinstance(deed, bytes):
                self.put(content=deed, gently=gently)
            else:
                self.collect(how=deed, gently=gently)
            self.what_is_referred_to_is_there_and_whole()

    @precondition(lambda self: self.upload is not None)
    @rule(gently=st.booleans())
    def end_upload(self, *, gently: bool) -> None:
        self.run(self.let_upload_go(gently=gently))

    # Collections.

    @rule(
        how=st.sampled_from(["at once", "with grace", "twice", "by wrong marks"]),
        gently=st.booleans(),
    )
    def collect(self, how: str, *, gently: bool) -> None:
        alone = self.collection is None
        due = now() - timedelta(hours=GRACE_HOURS)
        known = self.run(self.archive.rows())
        before = self.archive.stored()
        self.run(self.do(self.collection_of(how), gently=gently))
        gone = before - self.archive.stored()
        if alone and how == "with grace":
            fresh = {d for d, row in known.items() if row.marked_at is None or row.marked_at > due}
            assert not gone & fresh, "freed before its grace was over"
        if self.pin is not None:
            assert not gone, "freed in spite of a pin"

    async def collection_of(self, how: str) -> None:
        match how:
            case "at once":
                await self.archive.collect()
            case "with grace":
                await self.archive.collect(hours=GRACE_HOURS)
            case "twice":
                await asyncio.gather(self.archive.collect(), self.archive.collect())
            case _:
                await self.collect_by_wrong_marks()

    async def collect_by_wrong_marks(self) -> None:
        """Marks are hints: here every row has one, and a collection that has made its own long before."""
        archive = self.archive
        async with archive.database.transaction(archive.tenant) as session:
            await session.execute(update(Blob).values(marked_at=now() - timedelta(days=99)))
        await collecting.collect_marked(
            archive.database, archive.content, archive.org_id, Collection(), grace=timedelta()
        )

    @rule(step=st.sampled_from(STEPS), gently=st.booleans())
    def crash_while_collecting(self, step: str, *, gently: bool) -> None:
        async def crash() -> None:
            with crash_at(step, self.archive), contextlib.suppress(CrashError):
                await self.do(self.archive.collect(), gently=gently)

        self.run(crash())

    @precondition(lambda self: self.collection is None and self.pin is None)
    @rule(
        place=st.sampled_from(["before", "after"]),
        due=st.sampled_from([True, True, False]),
        meanwhile=MEANWHILE,
        gently=st.booleans(),
    )
    def begin_collection(
        self, place: str, meanwhile: list[bytes | str], *, due: bool, gently: bool
    ) -> None:
        """Hold a collection over a blob it removes; where `due` is set there is something to remove for certain."""
        self.collection_stop = Stop()

        async def begin() -> None:
            if due:
                await self.abandon()
                for content in CONTENTS:
                    await self.archive.dispose(await self.archive.upload(content))
                await self.abandon()
            with removing(self.archive, **{place: self.collection_stop}):
                task = asyncio.create_task(self.archive.collect())
                await self.until_held(task, self.collection_stop.reached.is_set)
            if task.done():
                await task  # there was nothing to remove
            else:
                self.collection = task

        self.run(begin())
        self.go_on(meanwhile, gently=gently)

    @precondition(lambda self: self.collection is not None)
    @rule(gently=st.booleans())
    def end_collection(self, *, gently: bool) -> None:
        self.run(self.let_collection_go(gently=gently))

    @rule()
    def pin_or_release(self) -> None:
        async def pin() -> int:
            async with self.archive.database.transaction() as session:
                return (await pin_store(session, reason="t", lifetime=timedelta(hours=1))).id

        if self.pin is None:
            self.pin = self.run(self.do(pin()))
            self.collect(how="at once", gently=True)
        else:
            self.run(self.release())

    async def release(self) -> None:
        if self.pin is not None:
            async with self.archive.database.transaction() as session:
                await release_pin(session, self.pin)
            self.pin = None

    # The end of a process, and the next one.

    @rule()
    def reopen(self) -> None:
        async def again() -> None:
            await self.let_collection_go(gently=False)
            await self.let_upload_go(gently=False)
            await self.close()
            self.archive.database = Database.connect(self.settings)
            self.archive.content = open_content(self.settings)
            store = self.archive.content.store
            await self.archive.content.run(store.sweep_temporary, 0)

        self.run(again())

    async def close(self) -> None:
        await self.archive.database.close()
        self.archive.content.close()

    @rule()
    def settle(self) -> None:
        """Nothing unreferenced outlives two collections."""

        async def twice() -> set[bytes]:
            await self.let_collection_go(gently=True)
            await self.let_upload_go(gently=True)
            await self.release()
            for _ in range(2):
                await self.archive.collect()
            return set(await self.archive.rows())

        rows = self.run(twice())
        assert rows == self.archive.stored() == self.wanted()

    def wanted(self) -> set[bytes]:
        """The digests of what is in documents, those in the trash included."""
        kept = [*self.live.values(), *self.trash.values()]
        return {digest_of(content) for contents in kept for content in contents}

    @invariant()
    def what_is_referred_to_is_there_and_whole(self) -> None:
        assert self.run(self.archive.referenced()) == self.wanted()
        for digest in self.wanted():
            self.archive.content.store.verify(self.archive.namespace, digest)

    async def end(self) -> None:
        """Nothing at all is left when everything is disposed of."""
        await self.abandon()
        await self.archive.collect()
        assert self.archive.stored() == set()

    def teardown(self) -> None:
        try:
            self.settle()
            self.run(self.end())
        finally:
            self.run(self.close())
            self.runner.close()


@pytest.mark.slow
def test_no_order_of_events_loses_content_or_keeps_it_for_ever(settings: Settings) -> None:
    Machine.settings = settings
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            # Twenty steps can be read; to find fewer would take many minutes.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
