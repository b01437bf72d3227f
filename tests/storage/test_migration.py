"""A second store that is read where the first has nothing; moving everything from it into the first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobNotFoundError,
    BlobStore,
    Keyring,
    StoreUnavailableError,
    migrate,
)
from storage._local import LocalBackend
from tests.storage.helpers import NAMESPACE, file_of, get, noise, put, sha256, text
from tests.storage.places import Place
from tests.storage.test_primitives import add_key, overwrite

CONTENTS = [b"", b"x", text(1000), noise(FRAME_SIZE + 1), noise(5 * FRAME_SIZE), text(3 << 20)]


@pytest.fixture
def old_root(tmp_path: Path) -> Path:
    return tmp_path / "old"


@pytest.fixture
def old(old_root: Path, keyring: Keyring) -> Iterator[BlobStore]:
    """A store in use so far."""
    old = BlobStore(old_root, keyring)
    for content in CONTENTS:
        put(old, content)
    put(old, b"theirs", "org-2")
    yield old
    old.close()


@pytest.fixture
def new(place: Place, old_root: Path, old: BlobStore, keyring: Keyring) -> Iterator[BlobStore]:
    """The store to be used instead, each kind in turn, which still reads the other."""
    new = BlobStore(place.backend, keyring, fallback=old_root)
    yield new
    new.close()


def test_what_the_first_lacks_is_read_from_the_second(new: BlobStore, place: Place) -> None:
    second = new.fallback
    assert second is not None
    assert second.fallback is None
    for content in CONTENTS:
        assert new.exists(NAMESPACE, sha256(content))
        assert get(new, sha256(content)) == get(second, sha256(content)) == content
        assert new.verify(NAMESPACE, sha256(content)).size == len(content)
    assert place.names() == []
    assert list(new.entries(NAMESPACE)) == []
    put(new, CONTENTS[3])
    put(new, b"only here")
    both = list(new.entries(NAMESPACE, everywhere=True))
    digests = sorted(sha256(content) for content in [*CONTENTS, b"only here"])
    assert [digest for digest, _ in both] == digests
    assert both[3:] == list(new.entries(NAMESPACE, after=digests[2], everywhere=True))
    missing = sha256(b"nowhere")
    assert not new.exists(NAMESPACE, missing)
    with pytest.raises(BlobNotFoundError):
        new.open(NAMESPACE, missing)


def test_nothing_is_added_to_the_second(new: BlobStore, old: BlobStore, old_root: Path) -> None:
    before = {path: path.read_bytes() for path in old_root.rglob("*") if path.is_file()}
    digest = sha256(CONTENTS[2])
    with pytest.raises(BlobNotFoundError):
        new.rekey(NAMESPACE, digest)
    with pytest.raises(BlobNotFoundError):
        new.recompress(NAMESPACE, digest, 19)
    assert put(new, CONTENTS[2]).created
    new.sweep_temporary(0)
    assert before == {path: path.read_bytes() for path in old_root.rglob("*") if path.is_file()}


def test_what_is_destroyed_is_destroyed_in_both(new: BlobStore, old: BlobStore) -> None:
    put(new, CONTENTS[3])
    put(new, b"only here")
    for content in (CONTENTS[2], CONTENTS[3], b"only here"):
        new.delete(NAMESPACE, sha256(content))
        assert not new.exists(NAMESPACE, sha256(content))
        assert not old.exists(NAMESPACE, sha256(content))
        with pytest.raises(BlobNotFoundError):
            new.delete(NAMESPACE, sha256(content))


def test_everything_is_moved_and_a_second_run_moves_nothing(
    new: BlobStore, old: BlobStore, place: Place, keyring: Keyring
) -> None:
    put(new, CONTENTS[3])
    moved = list(migrate(old, new))
    assert sorted(each.digest for each in moved) == sorted(
        sha256(content) for content in [*CONTENTS[:3], *CONTENTS[4:], b"theirs"]
    )
    assert all(each.error is None for each in moved)
    assert (
        sum(each.copied for each in moved)
        == sum(size for name in ("org-1", "org-2") for _, size in old.entries(name))
        - old.stat(NAMESPACE, sha256(CONTENTS[3])).stored_size
    )
    alone = BlobStore(place.backend, keyring)
    for content in CONTENTS:
        assert get(alone, sha256(content)) == content
    assert get(alone, sha256(b"theirs"), "org-2") == b"theirs"
    assert list(migrate(old, new)) == []


def test_sealed_bytes_are_copied(
    new: BlobStore, old: BlobStore, place: Place, old_root: Path
) -> None:
    digest = sha256(CONTENTS[4])
    info = new.take_over(NAMESPACE, digest, old)
    assert info is not None
    assert info.created
    assert place.read(digest) == file_of(old_root, digest).read_bytes()
    assert new.take_over(NAMESPACE, digest, old) is None


def test_copies_come_under_the_newest_key(new: BlobStore, old: BlobStore, keyring: Keyring) -> None:
    add_key(keyring)
    assert all(each.error is None for each in migrate(old, new))
    assert not any(new.rekey(NAMESPACE, digest) for digest in new.digests(NAMESPACE))


def test_a_damaged_blob_is_told_and_the_others_are_moved(
    new: BlobStore, old: BlobStore, old_root: Path, place: Place
) -> None:
    bad = sha256(CONTENTS[4])
    overwrite(file_of(old_root, bad), 5000, b"\xff" * 8)
    failed = [each for each in migrate(old, new) if each.error is not None]
    assert [(each.digest, each.copied, type(each.error)) for each in failed] == [
        (bad, 0, BlobDamagedError)
    ]
    assert bad.hex() not in " ".join(place.names())
    assert len(list(new.digests(NAMESPACE))) == len(CONTENTS) - 1


def test_what_came_meanwhile_is_passed_over(
    new: BlobStore, old: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing was before, the upload between."""
    put(new, CONTENTS[2])
    monkeypatch.setattr(new, "digests", lambda _: iter([bytes(32), sha256(b"nowhere")]))
    moved = {each.digest: each.copied for each in migrate(old, new)}
    assert moved[sha256(CONTENTS[2])] == 0
    assert moved[sha256(CONTENTS[4])] > 0


def test_a_target_that_is_away_ends_the_run(
    new: BlobStore, old: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(namespace: str) -> None:
        raise StoreUnavailableError("the connection broke")

    monkeypatch.setattr(new._backend, "draft", away)
    with pytest.raises(StoreUnavailableError):
        list(migrate(old, new))


def test_a_source_that_cannot_be_read_is_damage(
    new: BlobStore, old: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a disk's bad sector, or cut while it is copied."""
    source = LocalBackend.open

    def unreadable(targets: object, offset: int) -> int:
        raise OSError(5, "Input/output error")

    for read, reason in ((unreadable, "Input/output error"), (lambda *_: 0, "before its end")):

        def bad(backend: LocalBackend, namespace: str, digest: bytes, read=read) -> object:
            opened = source(backend, namespace, digest)
            opened.read_into = read
            return opened

        with monkeypatch.context() as patch:
            patch.setattr(old._backend, "open", bad.__get__(old._backend))
            for content in (CONTENTS[2], CONTENTS[5]):
                with pytest.raises(BlobDamagedError, match=reason):
                    new.take_over(NAMESPACE, sha256(content), old)
