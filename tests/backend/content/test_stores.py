"""Content in object storage: in and out through the service's own edge, and what its users hear of an outage."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from backend.content.errors import StorageUnavailableError
from backend.content.keys import follow_keyring
from backend.content.service import Content
from backend.content.stores import open_copy
from backend.core.settings import ScanMode, Settings
from storage import Keyring, StoreUnavailableError
from tests.support.s3 import S3Server
from tests.support.service import wait_until

CONTENT = secrets.token_bytes(9 << 20)


async def chunks() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 100_000):
        yield CONTENT[start : start + 100_000]


@pytest.fixture
def in_bucket(settings: Settings, s3: S3Server, tmp_path: Path) -> Settings:
    """The settings of an installation whose content is to lie in a bucket, and lay in a directory."""
    found = settings.model_copy(
        update={
            "data_dir": tmp_path,
            "scan": ScanMode.OFF,
            "storage_url": s3.url(f"stores/{secrets.token_hex(8)}"),
            "storage_access_key_id": s3.credentials.key_id,
            "storage_secret_access_key": SecretStr(s3.credentials.secret),
            "storage_fallback_url": (tmp_path / "store").as_uri(),
        }
    )
    Keyring.create(found.keyring_path, found.master_key())
    return found


@pytest.fixture
def content(in_bucket: Settings) -> Iterator[Content]:
    content = Content.open_store(in_bucket)
    yield content
    content.close()


async def receive(content: Content) -> bytes:
    async with content.receive(chunks(), namespace="org-1") as received:
        await received.publish()
        return received.digest


async def read(content: Content, digest: bytes) -> bytes:
    async with content.open("org-1", digest) as outgoing:
        return b"".join([chunk async for chunk in outgoing.chunks()])


async def test_what_goes_in_comes_out(content: Content, in_bucket: Settings, s3: S3Server) -> None:
    digest = await receive(content)
    assert await read(content, digest) == CONTENT
    assert not list(in_bucket.store_dir.rglob(digest.hex()))


async def test_what_lay_elsewhere_is_read_from_there(content: Content, in_bucket: Settings) -> None:
    alone = in_bucket.model_copy(
        update={
            "storage_url": None,
            "storage_access_key_id": None,
            "storage_secret_access_key": None,
            "storage_fallback_url": None,
        }
    )
    old = Content.open_store(alone)
    digest = await receive(old)
    assert await read(content, digest) == CONTENT
    copy = open_copy(in_bucket, (in_bucket.data_dir / "store").as_uri(), _keyring(in_bucket))
    assert content.store.restore("org-1", digest, copy).size == len(CONTENT)
    old.store.delete("org-1", digest)
    assert await read(content, digest) == CONTENT
    copy.close()
    old.close()


async def test_an_outage_is_told_as_one(
    in_bucket: Settings, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_bucket.storage_url is not None
    away = in_bucket.storage_url.replace(f":{s3.port}", ":9")
    content = Content.open_store(in_bucket.model_copy(update={"storage_url": away}))
    with pytest.raises(StorageUnavailableError):
        await receive(content)
    with pytest.raises(StorageUnavailableError):
        await read(content, bytes(32))
    with pytest.raises(StoreUnavailableError):
        content.store.check_writable()
    content.close()


async def test_a_process_that_nobody_asked_meanwhile_stores_after_a_rotation(
    in_bucket: Settings,
) -> None:
    """It learns of new storage keys while it can still open them."""
    elsewhere, keyring = _keyring(in_bucket), _keyring(in_bucket)
    elsewhere.storage_key("org-1")
    following = asyncio.create_task(follow_keyring(keyring, every=0.01))
    with closing(Content.open_store(in_bucket, keyring)) as content:
        await receive(content)
        elsewhere.renew(["org-1"])
        await asyncio.to_thread(
            wait_until,
            lambda: keyring._content.document == elsewhere._content.document,
            seconds=30,
            what="it knows the newest key",
        )
        elsewhere.rotate(bytes(32))
        assert await read(content, await receive(content)) == CONTENT
    following.cancel()


async def test_without_the_newest_key_nothing_is_stored_and_the_reason_said(
    in_bucket: Settings,
) -> None:
    elsewhere, keyring = _keyring(in_bucket), _keyring(in_bucket)
    with closing(Content.open_store(in_bucket, keyring)) as content:
        await receive(content)
        elsewhere.renew(["org-1"])
        elsewhere.rotate(bytes(32))
        with pytest.raises(StorageUnavailableError, match="restart the service"):
            await receive(content)


def _keyring(settings: Settings) -> Keyring:
    return Keyring.open(settings.keyring_path, settings.master_key())
