"""Temporary files: the sweep takes those without a living owner, and no other."""

import os
import time
from pathlib import Path

import pytest

from storage import FRAME_SIZE, BlobStore, StoreUnavailableError
from storage._temporary import TemporaryFile, _lock
from tests.storage.helpers import NAMESPACE, files_below, noise, put


def _abandon(root: Path, name: str = "abandoned", *, age: float = 0) -> Path:
    path = root / NAMESPACE / "tmp" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_the_abandoned_are_swept_whatever_their_age(store: BlobStore, root: Path) -> None:
    _abandon(root)
    _abandon(root, "older", age=1000)
    assert store.sweep_temporary(0) == 2
    assert files_below(root) == []


def test_the_young_may_be_spared(store: BlobStore, root: Path) -> None:
    young = _abandon(root)
    _abandon(root, "older", age=1000)
    assert store.sweep_temporary(500) == 1
    assert files_below(root) == [young]


def test_a_live_owner_keeps_its_file(store: BlobStore, root: Path) -> None:
    with store.writer(NAMESPACE) as writer:
        writer.write(noise(2 * FRAME_SIZE))
        assert len(files_below(root)) == 1
        assert store.sweep_temporary(0) == 0
        pending = writer.finish()
    assert store.sweep_temporary(0) == 0
    assert pending.publish().created
    assert store.sweep_temporary(0) == 0
    assert store.exists(NAMESPACE, pending.digest)


def test_a_blob_published_but_not_yet_forgotten_keeps_its_name(
    store: BlobStore, root: Path
) -> None:
    """The owner died between giving the name and removing the temporary one."""
    info = put(store, b"content")
    blob = files_below(root)[0]
    os.link(blob, root / NAMESPACE / "tmp" / "second-name")
    assert store.sweep_temporary(0) == 1
    assert store.verify(NAMESPACE, info.digest)


def test_a_store_without_temporary_directories_sweeps_nothing(store: BlobStore, root: Path) -> None:
    assert store.sweep_temporary(0) == 0
    (root / "org-9").mkdir()
    assert store.sweep_temporary(0) == 0


def test_two_sweeps_at_once_take_a_file_once(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _abandon(root)
    original = os.open

    def taken_meanwhile(name: Path, flags: int, *rest: int) -> int:
        path.unlink(missing_ok=True)
        return original(name, flags, *rest)

    monkeypatch.setattr(os, "open", taken_meanwhile)
    assert store.sweep_temporary(0) == 0


@pytest.mark.parametrize("swept", [True, False], ids=["swept", "being swept"])
def test_a_file_taken_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, swept: bool
) -> None:
    original = os.open
    sweepers: list[int] = []

    def meet_a_sweep(name: Path, flags: int, *rest: int) -> int:
        descriptor = original(name, flags, *rest)
        if not sweepers:
            sweepers.append(original(name, os.O_RDONLY))
            if swept:
                Path(name).unlink()
            else:
                assert _lock(sweepers[0])
        return descriptor

    monkeypatch.setattr(os, "open", meet_a_sweep)
    file = TemporaryFile(tmp_path)
    assert os.fstat(file.descriptor).st_nlink == 1
    file.drop()
    file.drop()
    os.close(sweepers[0])


def test_a_vanished_name_may_be_dropped(tmp_path: Path) -> None:
    file = TemporaryFile(tmp_path)
    file.path.unlink()
    file.drop()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailableError, match="temporary"):
        TemporaryFile(tmp_path / "file" / "tmp")
