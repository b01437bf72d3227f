"""Where a store is kept, as an address: a directory of this machine, or a bucket."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from obstore.store import S3Store

from storage._backend import Backend
from storage._bucket import Bucket
from storage._local import LocalBackend
from storage._locks import LockDirectory
from storage._objects import ObjectBackend

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_OPTIONS: Final = {"endpoint", "region"}

_CONNECT: Final = timedelta(seconds=5)
_REQUEST: Final = timedelta(minutes=2)
"""The whole of one request: a part of 8 MiB at 70 kB/s."""
_RETRIES: Final = 5
_RETRY_FOR: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """An access key of an S3-compatible object store."""

    key_id: str
    secret: str = field(repr=False)


def open_backend(
    url: str,
    credentials: S3Credentials | None = None,
    *,
    locks: Path | None = None,
    drafts: Path | None = None,
) -> Backend:
    """The backend at an address.

    ``file:///directory`` is a directory of this machine. ``s3://bucket/prefix?endpoint=https://…&
    region=…`` is a bucket, or the part of one below a prefix; without ``endpoint`` it is Amazon's;
    without credentials, those that AWS's own environment variables or instance roles give are
    used. ``locks`` is a directory shared by all processes that delete, rekey, recompress or restore
    blobs in a bucket: S3 has no locks. ``drafts`` is one for resumable drafts, of a bucket's store
    alone: a directory keeps them beside its blobs. Raises ``ValueError`` for other addresses, and
    ``StoreUnavailableError``.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return LocalBackend(Path(unquote(parts.path)))
    if parts.scheme != "s3" or not parts.netloc or parts.username or parts.fragment:
        message = f"{url!r} is neither file:///directory nor s3://bucket/prefix"
        raise ValueError(message)
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    if unknown := options.keys() - _OPTIONS:
        message = f"{url!r} has options that are unknown: {', '.join(sorted(unknown))}"
        raise ValueError(message)
    prefix = unquote(parts.path).strip("/")
    bucket = Bucket(_s3_store(parts.netloc, prefix, options, credentials))
    lock_directory = None if locks is None else LockDirectory(locks)
    return ObjectBackend(bucket, locks=lock_directory, drafts=drafts)


def _s3_store(
    bucket: str, prefix: str, options: dict[str, str], credentials: S3Credentials | None
) -> S3Store:
    # Not every server implements the deletion of many objects in one request.
    config: S3Config = {"bucket": bucket, "disable_bulk_delete": True}
    if endpoint := options.get("endpoint"):
        config["endpoint"] = endpoint
    if region := options.get("region"):
        config["region"] = region
    if credentials is not None:
        config["access_key_id"] = credentials.key_id
        config["secret_access_key"] = credentials.secret
    client: ClientConfig = {
        "allow_http": (endpoint or "").startswith("http://"),
        "connect_timeout": _CONNECT,
        "timeout": _REQUEST,
    }
    retry: RetryConfig = {
        "max_retries": _RETRIES,
        "retry_timeout": _RETRY_FOR,
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
    }
    return S3Store(prefix=prefix or None, config=config, client_options=client, retry_config=retry)
