"""One bucket, or the part of one below a prefix: requests, and what their failures mean.

Everything that speaks to an object store goes through here; nothing here knows blobs. Retries,
their back-off and time limits are the library's (obstore).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from storage._errors import StoreFullError, StoreUnavailableError

if TYPE_CHECKING:
    from obstore import GetOptions, WritableFile
    from obstore.store import ObjectStore

_LISTED = 1000
_BEYOND_END = "416 Range Not Satisfiable"
_NO_BUCKET = "NoSuchBucket"
_FULL = ("507 Insufficient Storage", "QuotaExceeded", "StorageFull", "EntityTooLarge")


class ObjectNotFoundError(Exception):
    """There is no such object."""


class ObjectChangedError(Exception):
    """The object is another one than that first seen under this key."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A part of an object: its bytes, the whole object's size, and its entity tag."""

    data: memoryview
    size: int
    tag: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a list: its key, its size in bytes, and when it was written."""

    key: str
    size: int
    modified: datetime


class Bucket:
    """Objects by key. Threads share one object."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def get(
        self, key: str, start: int = 0, end: int | None = None, *, tag: str | None = None
    ) -> Fetched:
        """The bytes from ``start`` to ``end``, fewer if the object ends before, and maybe none.

        With ``tag`` only if the object still has it. Raises ``ObjectNotFoundError`` and
        ``ObjectChangedError``.
        """
        options: GetOptions = {"if_match": tag} if tag else {}
        if end is not None:
            options["range"] = (start, end)
        with _failures("reading an object"):
            try:
                found = obstore.get(self._store, key, options=options)
                data = memoryview(found.bytes())
            except PreconditionError as error:
                raise ObjectChangedError from error
            except FileNotFoundError as error:
                if _NO_BUCKET in str(error):
                    raise
                raise ObjectNotFoundError from error
            except BaseError as error:
                if _BEYOND_END in str(error):
                    return Fetched(memoryview(b""), 0, None)
                raise
        return Fetched(data, found.meta["size"], found.meta["e_tag"])

    def put(self, key: str, data: bytes | memoryview) -> None:
        """Write an object, whether or not there is one. Atomic and durable."""
        with _failures("writing an object"):
            obstore.put(self._store, key, data, use_multipart=False)

    def create(self, key: str, data: bytes | memoryview) -> bool:
        """Write an object unless there is one; whether there was none. Atomic and durable.

        An object that a lost answer has made repeated counts as there: the caller compares.
        """
        with _failures("writing an object"):
            try:
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        with _failures("deleting an object"):
            obstore.delete(self._store, key)

    def objects(self, prefix: str, *, after: str | None = None) -> Iterator[Listed]:
        """The objects below a prefix, as the store orders them: by key, from ``after`` on."""
        with _failures("listing objects"):
            stream = iter(obstore.list(self._store, prefix, offset=after, chunk_size=_LISTED))
        while True:
            with _failures("listing objects"):
                chunk = next(stream, None)
            if chunk is None:
                return
            for meta in chunk:
                yield Listed(meta["path"], meta["size"], meta["last_modified"])

    def folders(self) -> list[str]:
        """The first parts of all keys."""
        with _failures("listing objects"):
            return sorted(obstore.list_with_delimiter(self._store)["common_prefixes"])

    def upload(self, key: str, *, part_size: int, parallel: int) -> "Upload":
        """Start an object that is sent while it is made, ``parallel`` parts at a time."""
        return Upload(
            obstore.open_writer(self._store, key, buffer_size=part_size, max_concurrency=parallel)
        )


class Upload:
    """An object that exists once it is complete, and of which nothing does when it is aborted."""

    def __init__(self, writer: "WritableFile") -> None:
        self._writer = writer

    def write(self, data: memoryview) -> None:
        """Send bytes on, which may not change any more; waits while enough are under way."""
        with _failures("writing an object"):
            self._writer.write(data)

    def complete(self) -> None:
        """Wait for all of it, and make it an object."""
        with _failures("writing an object"):
            self._writer.close()

    def abort(self) -> None:
        """Give up, and have the parts removed."""
        with _failures("aborting an upload"):
            self._writer.__exit__(InterruptedError, InterruptedError(), None)


@contextmanager
def _failures(doing: str) -> Iterator[None]:
    """Turn what the library raises into the store's errors."""
    try:
        yield
    except (BaseError, OSError) as error:
        text = str(error)
        kind = StoreFullError if any(sign in text for sign in _FULL) else StoreUnavailableError
        # The first line names the request and the answer, and no secret; what follows is debris.
        raise kind(f"{doing}: {text.partition(chr(10))[0]}") from error
