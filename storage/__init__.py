"""The content-addressed store: bytes in, digest out, bytes back, proven.

A library that knows no web, no database, no users. ``FORMAT.md`` specifies every byte it writes;
this is its whole public surface, everything in underscore modules may change.

Vocabulary: a *blob* is content named by the *digest* (SHA-256) of its plaintext, inside a
*namespace* (one per organisation; deduplication does not reach across). It is stored in
*frames* of 512 KiB, each compressed and sealed on its own, under a *data key* that only this
blob has; the data key is wrapped by the namespace's *storage key*, and that by the *master key*.

Writing: ``with store.writer(namespace) as writer: writer.write(...); pending = writer.finish()``,
then ``pending.publish()`` or ``pending.discard()``. Reading: ``with store.open(namespace, digest)
as reader: reader.read(offset, length)`` or ``reader.iter()``.

A *resumable draft* (``create_draft``, ``open_draft``) is written over days, by one process after
another: what ``sync`` acknowledged survives every crash.

Blobs are kept by a *backend*: a local directory, or a bucket of an S3-compatible object store.
``open_backend`` makes one of an address; ``BlobStore(backend, keyring)`` is the same over each. A
second one may be its *fallback*, read where the first has nothing; ``migrate`` copies
everything from one store into another.

Errors::

    StoreError
    ├── BlobNotFoundError         no such blob in the namespace
    ├── BlobDamagedError          stored bytes are not what was written (part, number)
    ├── UnsupportedVersionError   a newer format, suite or option
    ├── WrongKeyError             master key or storage key is another one, or malformed
    ├── KeyringNotFoundError      no keyring file at the path
    ├── KeyringExistsError        a keyring is never overwritten
    ├── KeyringDamagedError       the keyring file is not as it was written
    ├── DraftNotFoundError        no such draft in the namespace
    ├── DraftBusyError            another one is writing the draft
    ├── StoreFullError            no space, quota or file size limit; nothing was kept
    └── StoreUnavailableError     the operating system or the object store refused or is away

``ValueError`` is raised for mistakes in code: a malformed namespace or digest, a negative offset,
a writer used after it was finished.
"""

from storage._backend import Backend
from storage._errors import (
    BlobDamagedError,
    BlobNotFoundError,
    DraftBusyError,
    DraftNotFoundError,
    KeyringDamagedError,
    KeyringExistsError,
    KeyringNotFoundError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    UnsupportedVersionError,
    WrongKeyError,
)
from storage._format import FRAME_SIZE
from storage._keyring import Keyring, StorageKey, parse_master_key
from storage._locations import S3Credentials, open_backend
from storage._migration import Migrated, migrate
from storage._process import prepare_process
from storage._reader import BlobReader
from storage._resumable import ResumableDraft, RunningDigest
from storage._store import BlobStat, BlobStore
from storage._writer import BlobInfo, BlobWriter, PendingBlob

__all__ = [
    "FRAME_SIZE",
    "Backend",
    "BlobDamagedError",
    "BlobInfo",
    "BlobNotFoundError",
    "BlobReader",
    "BlobStat",
    "BlobStore",
    "BlobWriter",
    "DraftBusyError",
    "DraftNotFoundError",
    "Keyring",
    "KeyringDamagedError",
    "KeyringExistsError",
    "KeyringNotFoundError",
    "Migrated",
    "PendingBlob",
    "ResumableDraft",
    "RunningDigest",
    "S3Credentials",
    "StorageKey",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "UnsupportedVersionError",
    "WrongKeyError",
    "migrate",
    "open_backend",
    "parse_master_key",
    "prepare_process",
]
