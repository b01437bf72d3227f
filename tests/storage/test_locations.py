"""Addresses of stores."""

from pathlib import Path

import pytest

from storage import BlobStore, Keyring, S3Credentials, StoreUnavailableError, open_backend
from storage._local import LocalBackend
from storage._objects import ObjectBackend
from tests.storage.helpers import NAMESPACE, get, noise, put, sha256
from tests.support.s3 import S3Server


def test_a_directory(tmp_path: Path, keyring: Keyring) -> None:
    backend = open_backend((tmp_path / "with space").as_uri())
    assert isinstance(backend, LocalBackend)
    put(BlobStore(backend, keyring), b"content")
    assert (tmp_path / "with space" / NAMESPACE).is_dir()


def test_a_bucket_and_its_parts(s3: S3Server, keyring: Keyring) -> None:
    stores = [
        BlobStore(open_backend(s3.url(prefix), s3.credentials), keyring)
        for prefix in ("locations/a", "locations/b/", "locations/a")
    ]
    content = noise(100)
    assert [put(store, content).created for store in stores] == [True, True, False]
    assert get(stores[1], sha256(content)) == content
    for store in stores:
        store.close()


def test_amazon_is_where_no_endpoint_is_given() -> None:
    credentials = S3Credentials("id", "secret")
    for url in ("s3://some-bucket", "s3://some-bucket/x?region=eu-central-1"):
        assert isinstance(open_backend(url), ObjectBackend)
        assert isinstance(open_backend(url, credentials), ObjectBackend)
    assert "secret" not in repr(S3Credentials("id", "secret"))


def test_a_server_that_is_not_there_is_told_within_its_time(s3: S3Server) -> None:
    url = s3.url("x").replace(str(s3.port), "9")
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:9"):
        open_backend(url, s3.credentials).probe()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/store",
        "file:relative",
        "file://other-machine/srv",
        "file:",
        "s3:///no-bucket",
        "s3://key:secret@bucket/x",
        "s3://bucket/x#part",
        "s3://bucket/x?endpont=https://s3.example.org",
        "s3://bucket/x?region",
        "https://bucket.example.org",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"neither file:|unknown|bad query"):
        open_backend(url)
