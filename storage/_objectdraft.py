"""Writing a blob into object storage: small ones kept until they get their name, large ones sent
part by part to a data object while they are made."""

import mmap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from storage._backend import PlanSlots
from storage._bucket import Bucket, ObjectNotFoundError, Upload
from storage._dataobjects import clear, forget, intend, named_data
from storage._errors import StoreError, StoreUnavailableError
from storage._format import HEADER_SIZE
from storage._nameobject import NAME_OBJECT_SIZE, NameObject, blob_key, data_key
from storage._objectsource import ObjectSource
from storage._slots import apply_change


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    small: int = 8 << 20
    """The largest blob that is one object."""
    part: int = 8 << 20
    """What large ones are sent in: S3 takes 10,000 parts, each but the last of at least 5 MiB."""
    parallel: int = 2
    """Parts of one blob under way at once: they are what a writer holds in memory."""
    abandoned: float = 86_400.0
    """An intent of this age has no living owner: a writer settles its draft in half of it."""


class ObjectDraft:
    """A blob on its way into object storage.

    While it is not known to be large it is kept in memory, and publishing sends it. A large one is
    in its data object by then, and publishing sends the small object that names it.
    """

    def __init__(
        self,
        bucket: Bucket,
        namespace: str,
        limits: Limits,
        *,
        data_id: bytes,
        executor: Callable[[], Executor],
    ) -> None:
        self._bucket = bucket
        self._namespace = namespace
        self._limits = limits
        self._data_id = data_id
        self._executor = executor
        self._digest = b""
        self._name = b""
        self._header = b""
        self._length = 0
        self._upload: Upload | None = None
        self._complete_since = 0.0
        self._unnamed = False

    def write(self, data: bytes | bytearray) -> None:
        """Take the whole of a blob."""
        self.end(memoryview(data))

    def output(self, room: int) -> "PartOutput":
        """Take a blob in bits, and send it on in parts."""
        return PartOutput(self, self._limits.part, room)

    def send(self, part: memoryview) -> None:
        """Send the next part on; it may not change any more. The first holds the header."""
        if self._upload is None:
            self._header, part = bytes(part[:HEADER_SIZE]), part[HEADER_SIZE:]
            self._upload = self._bucket.upload(
                data_key(self._namespace, self._data_id),
                part_size=self._limits.part,
                parallel=self._limits.parallel,
            )
        self._length += len(part)
        self._upload.write(part)

    def end(self, part: memoryview) -> None:
        """Take the last part, which may be all there is."""
        if self._upload is None and len(part) <= self._limits.small:
            self._name = bytes(part)
        elif part:
            self.send(part)

    def finish(self, digest: bytes) -> None:
        """Complete the data object of a large blob. A small one is durable once it has its name."""
        self._digest = digest
        self._complete_since = time.monotonic()
        if self._upload is not None:
            intend(self._bucket, self._namespace, self._data_id, digest)
            self._unnamed = True
            self._upload.complete()
            self._upload = None
            self._name = NameObject(self._header, self._data_id, self._length).pack()

    def source(self) -> ObjectSource:
        """What was written: the small blob, or header and data object."""
        large = bool(self._header)
        return ObjectSource(
            size=HEADER_SIZE + self._length if large else len(self._name),
            head=memoryview(self._header or self._name),
            fetch=self._fetch,
            is_current=lambda: True,
            executor=self._executor,
        )

    def change_slots(self, plan: PlanSlots) -> None:
        """Change the header that is to be sent with the name."""
        header = self._name[:HEADER_SIZE]
        change = plan(header)
        if change is not None:
            self._name = apply_change(header, change) + self._name[HEADER_SIZE:]

    def publish(self) -> bool:
        """Create the object that has the name; false if another blob has it."""
        with self._naming():
            key = blob_key(self._namespace, self._digest)
            created = self._bucket.create(key, self._name) or self._has_name(key)
        if created:
            self._settle()
        return created

    def replace(self) -> None:
        """Write the object that has the name, and clear away what an older one referred to."""
        former = named_data(self._bucket, self._namespace, self._digest)
        if former is not None:
            intend(self._bucket, self._namespace, former, self._digest)
        with self._naming():
            self._bucket.put(blob_key(self._namespace, self._digest), self._name)
        self._settle()
        if former is not None:
            with suppress(StoreError):  # the intent is there: a sweep does it later
                clear(self._bucket, self._namespace, former)

    def drop(self) -> None:
        """Abort or remove what was sent, unless it has its name or may have it."""
        upload, self._upload = self._upload, None
        unnamed, self._unnamed = self._unnamed, False
        with suppress(StoreError):  # bucket rules and sweeps do it later
            if upload is not None:
                upload.abort()
        with suppress(StoreError):
            if unnamed:
                clear(self._bucket, self._namespace, self._data_id)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """While it gets its name, nobody may take it for abandoned, nor ourselves after a failure.

        A request that failed may have been carried out all the same.
        """
        if time.monotonic() - self._complete_since > self._limits.abandoned / 2:
            raise StoreUnavailableError("the blob waited too long for its name; write it again")
        unnamed, self._unnamed = self._unnamed, False
        yield
        self._unnamed = unnamed

    def _has_name(self, key: str) -> bool:
        """Whether what has the name is this blob: the answer that it was created got lost."""
        try:
            found = self._bucket.get(key, 0, NAME_OBJECT_SIZE)
        except ObjectNotFoundError as error:
            message = "the blob that had the name was deleted in this instant; write it again"
            raise StoreUnavailableError(message) from error
        return bytes(found.data) == self._name[:NAME_OBJECT_SIZE]

    def _settle(self) -> None:
        """It has its name: nothing of it may be removed any more."""
        unnamed, self._unnamed = self._unnamed, False
        if unnamed:
            with suppress(StoreError):  # a sweep does it later
                forget(self._bucket, self._namespace, self._data_id)

    def _fetch(self, start: int, end: int) -> memoryview:
        key = data_key(self._namespace, self._data_id)
        return self._bucket.get(key, start - HEADER_SIZE, end - HEADER_SIZE).data


class PartOutput:
    """Gathers sealed frames into parts. Each part is a buffer of its own: it is sent from there.

    The first is longer by the header, which is not sent with it: so each gives one whole part of
    the upload, and none waits in memory for the next to complete it.
    """

    def __init__(self, draft: ObjectDraft, part_size: int, room: int) -> None:
        self._draft = draft
        self._part_size = part_size
        self._limit = part_size + HEADER_SIZE
        self._room = room
        self._view = memoryview(mmap.mmap(-1, self._limit + room))
        self._filled = 0

    def room(self) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._filled :]

    def advance(self, length: int) -> None:
        """Take over ``length`` bytes that were put into ``room()``."""
        self._filled += length
        if self._filled >= self._limit:
            self._send_part()

    def append(self, data: bytes) -> None:
        """Copy bytes of any length in."""
        rest = memoryview(data)
        while rest:
            part = rest[: self._limit - self._filled]
            self._view[self._filled : self._filled + len(part)] = part
            self.advance(len(part))
            rest = rest[len(part) :]

    def flush(self) -> None:
        """Pass on what is left."""
        self._draft.end(self._view[: self._filled])

    def close(self) -> None:
        """Forget the buffer; one that is being sent stays with the request."""
        self._view = memoryview(b"")

    def _send_part(self) -> None:
        full, limit, filled = self._view, self._limit, self._filled
        self._draft.send(full[:limit])  # waits; the next buffer is made when there is room for it
        self._limit = self._part_size
        self._view = memoryview(mmap.mmap(-1, self._limit + self._room))
        self._filled = filled - limit
        self._view[: self._filled] = full[limit:filled]
