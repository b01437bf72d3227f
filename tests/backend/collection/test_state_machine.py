"""Everything in any order: the real store, the real database, and transactions that are held open while all goes on.

The machine knows what a user knows: which documents there are, and what was put into them. After every step, each
content that a version refers to is read back whole. Where a step has to wait for what is held, that is let go.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck
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

    # Waiting for what is held, and letting it go.

    async def do(self, coroutine: Coroutine[Any, Any, T], *, commits: bool = True) -> T:
        """Do something; if it has to wait for what is held, let that go."""
        task = asyncio.ensure_future(coroutine)
        await until_blocked(self.archive.database, task)
        if not task.done():
            await self.let_collection_go()
            await self.let_upload_go(commits=commits)
        return await task

    async def let_upload_go(self, *, commits: bool) -> None:
        if self.upload is None:
            return
        task, self.upload = self.upload, None
        if commits:
            self.upload_gate.opened.set()
            document = await task
            self.live.setdefault(document, []).append(self.upload_content)
        else:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def let_collection_go(self, *, cancelled: bool = False) -> None:
        if self.collection is None:
            return
        task, self.collection = self.collection, None
        if cancelled:
            task.cancel()
        self.collection_stop.opened.set()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    @initialize()
    def begin_with_content_that_is_due(self) -> None:
        for content in CONTENTS:
            self.put(content=content, commits=True)
        self.abandon()

    @rule()
    def abandon(self) -> None:
        """Dispose of everything, and let its grace pass: what is uploaded from now on meets marked blobs."""

        async def dispose() -> None:
            await self.let_collection_go()
            await self.let_upload_go(commits=False)
            for document in self.live:
                await self.archive.trash(document)
            for document in [*self.live, *self.trash]:
                await self.archive.purge(document)
            await self.archive.collect(hours=GRACE_HOURS)
            await self.archive.pass_time(2 * GRACE_HOURS)

        self.run(dispose())
        self.live.clear()
        self.trash.clear()

    # What users do.

    def document(self, data: st.DataObject, of: dict[int, list[bytes]]) -> int:
        return data.draw(st.sampled_from(sorted(of)))

    @rule(content=st.sampled_from(CONTENTS), commits=st.booleans())
    def put(self, content: bytes, *, commits: bool) -> None:
        document = self.run(self.do(self.archive.upload(content), commits=commits))
        self.live[document] = [content]

    @precondition(lambda self: self.live)
    @rule(data=st.data(), content=st.sampled_from(CONTENTS), commits=st.booleans())
    def put_version(self, data: st.DataObject, content: bytes, *, commits: bool) -> None:
        document = self.document(data, self.live)
        self.run(self.do(self.archive.upload(content, to=document), commits=commits))
        self.live[document].append(content)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def restore_version(self, data: st.DataObject) -> None:
        document = self.document(data, self.live)
        number = data.draw(st.integers(1, len(self.live[document])))
        self.run(self.do(self.archive.restore_version(document, number)))
        self.live[document].append(self.live[document][number - 1])

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        document = self.document(data, self.live)
        self.run(self.do(self.archive.trash(document)))
        self.trash[document] = self.live.pop(document)

    @precondition(lambda self: self.trash)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        document = self.document(data, self.trash)
        self.run(self.do(self.archive.restore(document)))
        self.live[document] = self.trash.pop(document)

    @precondition(lambda self: self.trash)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        document = self.document(data, self.trash)
        self.run(self.do(self.archive.purge(document)))
        del self.trash[document]

    @precondition(lambda self: self.trash)
    @rule()
    def empty_the_trash(self) -> None:
        async def purge() -> None:
            later = now() + timedelta(days=1)
            async with self.archive.database.transaction(self.archive.tenant) as session:
                await documents.purge_expired(session, before=later)

        self.run(self.do(purge()))
        self.trash.clear()

    # An upload under way.

    @precondition(lambda self: self.upload is None)
    @rule(
        data=st.data(),
        content=st.sampled_from(CONTENTS),
        place=st.sampled_from(["before", "after", "end"]),
        new=st.booleans(),
    )
    def begin_upload(self, data: st.DataObject, content: bytes, place: str, *, new: bool) -> None:
        to = None if new or not self.live else self.document(data, self.live)
        self.upload_gate, self.upload_content = Gate(), content

        async def begin() -> None:
            gate = {place: self.upload_gate}
            task = asyncio.create_task(self.archive.upload(content, to=to, **gate))
            await self.until_held(task, self.upload_gate.reached.is_set)
            self.upload = task

        self.run(begin())

    async def until_held(self, task: asyncio.Task[Any], reached: Callable[[], bool]) -> None:
        """Wait until a task stands still where it was to, or has ended; let go what it waits for meanwhile."""
        await until_blocked(self.archive.database, task, reached)
        while not (task.done() or reached()):
            await self.let_collection_go()
            await self.let_upload_go(commits=True)
            await until_blocked(self.archive.database, task, reached)

    @precondition(lambda self: self.upload is not None)
    @rule(commits=st.booleans())
    def end_upload(self, *, commits: bool) -> None:
        self.run(self.let_upload_go(commits=commits))

    # Collections.

    @rule(hours=st.sampled_from([0, GRACE_HOURS]), commits=st.booleans())
    def collect(self, hours: int, *, commits: bool) -> None:
        alone = self.collection is None
        due = now() - timedelta(hours=hours)
        known = self.run(self.archive.rows())
        before = self.archive.stored()
        self.run(self.do(self.archive.collect(hours=hours), commits=commits))
        if alone and hours:
            fresh = {d for d, row in known.items() if row.marked_at is None or row.marked_at > due}
            assert fresh & before <= self.archive.stored(), "freed before its grace was over"

    @rule(commits=st.booleans())
    def collect_by_wrong_marks(self, *, commits: bool) -> None:
        """Marks are hints: here every row has one, and a collection that has made its own long before."""

        async def mislead() -> None:
            async with self.archive.database.transaction(self.archive.tenant) as session:
                await session.execute(update(Blob).values(marked_at=now() - timedelta(days=99)))

        async def collect() -> None:
            archive, done = self.archive, Collection()
            await collecting._collect(
                archive.database, archive.content, archive.org_id, done, grace=timedelta()
            )

        self.run(self.do(mislead(), commits=commits))
        self.run(self.do(collect(), commits=commits))

    @rule(commits=st.booleans())
    def collect_twice_at_once(self, *, commits: bool) -> None:
        async def both() -> None:
            await asyncio.gather(self.archive.collect(), self.archive.collect())

        self.run(self.do(both(), commits=commits))

    @precondition(lambda self: self.collection is None and self.pin is None)
    @rule(place=st.sampled_from(["before", "after"]))
    def begin_collection(self, place: str) -> None:
        self.collection_stop = Stop()

        async def begin() -> None:
            with removing(self.archive, **{place: self.collection_stop}):
                task = asyncio.create_task(self.archive.collect())
                await self.until_held(task, self.collection_stop.reached.is_set)
            if task.done():
                await task  # there was nothing to remove
            else:
                self.collection = task

        self.run(begin())

    @precondition(lambda self: self.collection is not None)
    @rule(cancelled=st.booleans())
    def end_collection(self, *, cancelled: bool) -> None:
        self.run(self.let_collection_go(cancelled=cancelled))

    @rule(step=st.sampled_from(STEPS), commits=st.booleans())
    def crash_while_collecting(self, step: str, *, commits: bool) -> None:
        async def crash() -> None:
            with crash_at(step, self.archive), contextlib.suppress(CrashError):
                await self.do(self.archive.collect(), commits=commits)

        self.run(crash())

    @rule(hours=st.sampled_from([1, 2 * GRACE_HOURS]))
    def pass_time(self, hours: int) -> None:
        self.run(self.do(self.archive.pass_time(hours)))

    @precondition(lambda self: self.pin is None)
    @rule()
    def pin_the_store(self) -> None:
        async def pin() -> int:
            async with self.archive.database.transaction() as session:
                return (await pin_store(session, reason="t", lifetime=timedelta(hours=1))).id

        self.pin = self.run(self.do(pin()))

    @precondition(lambda self: self.pin is not None)
    @rule()
    def release_the_pin(self) -> None:
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
            await self.let_collection_go(cancelled=True)
            await self.let_upload_go(commits=False)
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
            await self.let_collection_go()
            await self.let_upload_go(commits=True)
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

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.run(self.close())
            self.runner.close()


def test_no_order_of_events_loses_content_or_keeps_it_for_ever(settings: Settings) -> None:
    Machine.settings = settings
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
