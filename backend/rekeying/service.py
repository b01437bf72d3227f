"""Going through an organisation's blobs until all are under the newest key. It may be killed, and run again or twice.

Nothing is remembered between two runs: a blob that is under the newest key is only looked at. The older keys may go
once a whole pass has found nothing to change and nothing it could not open. (A name given after the renewal is under
the newest key from the start, whoever gives it. So the second pass finds nothing, unless a listing is late.)

Object storage has no locks: between reading a blob's slots and writing them, somebody could delete or replace it, and
the old would come back. So a blob is changed under the lock of its row, which they hold; and what has no row, while no
collection, which would first give it one, is going on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from backend.collection import service as collection
from backend.content.service import Content
from backend.core.db import Database, Tenant
from backend.identity.models import store_namespace
from backend.rekeying import queries
from storage import (
    BlobDamagedError,
    BlobNotFoundError,
    BlobStore,
    DraftNotFoundError,
    Keyring,
    UnsupportedVersionError,
    WrongKeyError,
)

_LISTED = 256
_HELD = 16
"""Blobs changed in one transaction; an upload of the same content waits for so long."""


@dataclass(slots=True)
class Rekeyed:
    """What was done for an organisation."""

    org_id: int
    blobs: int = 0
    """Blobs there were, when they were last gone through."""
    changed: int = 0
    failed: dict[bytes, str] = field(default_factory=dict)
    """By digest: why a blob could not be brought under the newest key."""


class Pace:
    """Holds a run back to so many changes a second; 0 is without limit."""

    def __init__(
        self, rate: float, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._rate = rate
        self._sleep = sleep
        self._started = time.monotonic()
        self._done = 0

    async def did(self, count: int) -> None:
        """Count changes, and wait until so many are due."""
        self._done += count
        ahead = self._done / self._rate - (time.monotonic() - self._started) if self._rate else 0
        if ahead > 0:
            await self._sleep(ahead)


async def rekey(
    database: Database, content: Content, keyring: Keyring, org_id: int, pace: Pace
) -> Rekeyed:
    """Bring all blobs of an organisation under its newest key, and look again until there is nothing to change.

    If nothing failed then, no blob needs the keys that were older when this began.

    Raises:
        WrongKeyError: the master key was rotated meanwhile.
        StoreError: the store or the keyring cannot be reached.
    """
    run = _Run(database, content, keyring, pace, Rekeyed(org_id))
    while await run.go_through():
        pass
    return run.done


async def retire(
    database: Database, keyring: Keyring, org_id: int, key_ids: Sequence[bytes]
) -> bool:
    """Destroy storage keys that no blob needs; false, and nothing done, while a backup may copy what they seal."""
    async with database.transaction() as session:
        if not await collection.hold_off_pins(session):
            return False
        await asyncio.to_thread(keyring.retire, store_namespace(org_id), key_ids)
        return True


@dataclass(slots=True)
class _Run:
    database: Database
    content: Content
    keyring: Keyring
    pace: Pace
    done: Rekeyed

    async def go_through(self) -> bool:
        """Look at every blob once; whether one was changed, or was held by somebody else."""
        self.done.blobs = 0
        self.done.failed.clear()
        found = False
        digests = self.content.store.digests(self._namespace)
        while listed := await self.content.run(_next, digests):
            self.done.blobs += len(listed)
            wanting = await self.content.run(self._wanting, listed)
            for start in range(0, len(wanting), _HELD):
                found |= await self._change(wanting[start : start + _HELD])
        return await self.content.complete(self._rekey_drafts) or found

    def _rekey_drafts(self) -> bool:
        """Bring what is being uploaded under the newest key too; whether something was not."""
        store: BlobStore = self.content.store
        found = False
        for name in store.drafts(self._namespace):
            # One that does not open needs no key, and one that has gone none any more.
            with suppress(DraftNotFoundError, BlobDamagedError, UnsupportedVersionError):
                found |= store.rekey_draft(self._namespace, name)
        return found

    def _wanting(self, digests: Sequence[bytes]) -> list[bytes]:
        """Those that are not known to be under the newest key alone."""
        return [digest for digest in digests if not self._is_rekeyed(digest)]

    def _is_rekeyed(self, digest: bytes) -> bool:
        try:
            return self.content.store.is_rekeyed(self._namespace, digest)
        except BlobNotFoundError:
            return True  # deleted meanwhile
        except (BlobDamagedError, UnsupportedVersionError, WrongKeyError):
            return False

    async def _change(self, digests: Sequence[bytes]) -> bool:
        """Rekey these, under their locks; whether one was changed, or was held by somebody else."""
        async with self.database.transaction(Tenant(self.done.org_id)) as session:
            held = await queries.lock(session, digests)
            results = await self._rekey_all(held)
            busy = await queries.recorded(session, digests) - held
        orphans = set(digests) - held - busy
        if orphans:
            async with self.database.transaction(Tenant(self.done.org_id)) as session:
                await collection.lock_out_collections(session)
                results |= await self._rekey_all(orphans)
        changed = sum(result is True for result in results.values())
        self.done.changed += changed
        self.done.failed |= {
            digest: result for digest, result in results.items() if isinstance(result, str)
        }
        await self.pace.did(changed)
        return bool(changed or busy)

    async def _rekey_all(self, digests: set[bytes]) -> dict[bytes, bool | str]:
        ordered = sorted(digests)
        work = [self.content.complete(self._rekey, digest) for digest in ordered]
        results = await asyncio.gather(*work, return_exceptions=True)
        # All have ended: the locks may go.
        found: dict[bytes, bool | str] = {}
        for digest, result in zip(ordered, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            found[digest] = result
        return found

    def _rekey(self, digest: bytes) -> bool | str:
        """Whether the blob was changed, or why it cannot be."""
        store: BlobStore = self.content.store
        try:
            return store.rekey(self._namespace, digest)
        except BlobNotFoundError:
            return False
        except (BlobDamagedError, UnsupportedVersionError) as error:
            return str(error)
        except WrongKeyError as error:
            # Raises if it is not this blob that is wrong, but our master key.
            self.keyring.storage_key(self._namespace)
            return str(error)

    @property
    def _namespace(self) -> str:
        return store_namespace(self.done.org_id)


def _next(digests: Iterator[bytes]) -> list[bytes]:
    return list(islice(digests, _LISTED))
