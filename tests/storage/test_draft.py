"""Resumable drafts: carried on by one opening after another, after crashes and damage, and never sealed twice alike."""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage import (
    FRAME_SIZE,
    BlobDamagedError,
    BlobStore,
    DraftBusyError,
    DraftNotFoundError,
    Keyring,
    ResumableDraft,
    StoreFullError,
    StoreUnavailableError,
    UnsupportedVersionError,
    WrongKeyError,
)
from tests.storage.helpers import NAMESPACE, files_below, get, noise, put, sha256, text
from tests.storage.places import Objects

NAME = "0123456789abcdef" * 2
SMALL = 64
"""Bytes of a frame of the store `small_frames`."""


def drafts_of(root: Path) -> Path:
    return root / NAMESPACE / "drafts"


def caught_up(draft: ResumableDraft) -> ResumableDraft:
    while draft.is_behind:
        assert draft.catch_up()
    return draft


def completed(store: BlobStore, name: str = NAME) -> bytes:
    """End, finish, publish and drop a draft; the digest."""
    with store.open_draft(NAMESPACE, name) as draft:
        draft.end()
        info = caught_up(draft).finish().publish()
    assert store.drop_draft(NAMESPACE, name)
    return info.digest


def written(store: BlobStore, *pieces: bytes) -> None:
    """A draft, each piece of which was acknowledged by an opening of its own."""
    store.create_draft(NAMESPACE, NAME).close()
    for piece in pieces:
        with store.open_draft(NAMESPACE, NAME) as draft:
            draft.write(piece)
            draft.sync()


@pytest.mark.parametrize(
    "sizes",
    [(), (0,), (1,), (63,), (64,), (65,), (10, 54), (10, 10, 10, 50, 1), (64, 64), (1000, 7, 3000)],
    ids=str,
)
def test_a_draft_becomes_the_blob_of_all_its_pieces(
    small_frames: BlobStore, root: Path, sizes: tuple[int, ...]
) -> None:
    pieces = [noise(size, seed) for seed, size in enumerate(sizes)]
    written(small_frames, *pieces)
    content = b"".join(pieces)
    assert small_frames.draft_size(NAMESPACE, NAME) == len(content)
    digest = completed(small_frames)
    assert digest == sha256(content)
    assert get(small_frames, digest) == content
    small_frames.verify(NAMESPACE, digest)
    assert [path.name for path in files_below(root)] == [digest.hex()]
    assert files_below(root)[0].stat().st_mode & 0o777 == 0o400


def test_a_draft_is_the_same_in_every_place(kept: BlobStore) -> None:
    content = text(3 * FRAME_SIZE + 5)
    written(kept, content[:100], content[100:])
    digest = completed(kept)
    assert get(kept, digest) == content
    kept.verify(NAMESPACE, digest)
    assert kept.drafts(NAMESPACE) == []


def test_object_storage_needs_a_directory_for_drafts(objects: Objects, keyring: Keyring) -> None:
    store = BlobStore(objects.backend, keyring)
    with pytest.raises(StoreUnavailableError, match="no directory"):
        store.create_draft(NAMESPACE, NAME)
    store.close()


def test_a_process_that_wrote_all_of_it_reads_nothing_back(small_frames: BlobStore) -> None:
    content = noise(1000)
    with small_frames.create_draft(NAMESPACE, NAME) as draft:
        draft.write(content[:300])
        draft.sync()
        running = draft.digest
    with small_frames.open_draft(NAMESPACE, NAME) as draft:
        assert draft.is_behind
        assert draft.go_on_with(running)
        assert not draft.is_behind
        draft.write(content[300:])
        draft.end()
        assert not draft.is_behind
        assert draft.finish().publish().digest == sha256(content)


def test_a_digest_that_missed_what_another_wrote_follows(small_frames: BlobStore) -> None:
    content = noise(1000)
    with small_frames.create_draft(NAMESPACE, NAME) as draft:
        draft.write(content[:300])
        draft.sync()
        running = draft.digest
    with small_frames.open_draft(NAMESPACE, NAME) as draft:
        draft.write(content[300:600])
        draft.sync()
    with small_frames.open_draft(NAMESPACE, NAME) as draft:
        assert draft.go_on_with(running)
        assert draft.is_behind
        assert draft.catch_up() == content[256:320]
        draft.write(content[600:])
        draft.end()
        with pytest.raises(ValueError, match="not whole"):
            draft.finish()
        assert caught_up(draft).finish().digest == sha256(content)


def test_a_digest_of_another_draft_is_refused(small_frames: BlobStore) -> None:
    other = "f" * 32
    with small_frames.create_draft(NAMESPACE, other) as draft:
        running = draft.digest
    with small_frames.create_draft(NAMESPACE, NAME) as draft:
        assert not draft.go_on_with(running)


def test_only_one_writes(small_frames: BlobStore) -> None:
    with small_frames.create_draft(NAMESPACE, NAME) as draft:
        draft.write(noise(100))
        with pytest.raises(DraftBusyError):
            small_frames.open_draft(NAMESPACE, NAME)
        with pytest.raises(DraftBusyError):
            small_frames.drop_draft(NAMESPACE, NAME)
        assert small_frames.draft_size(NAMESPACE, NAME) in {0, 64}
    small_frames.open_draft(NAMESPACE, NAME).close()


def test_what_is_not_there_cannot_be_opened(small_frames: BlobStore) -> None:
    with pytest.raises(DraftNotFoundError):
        small_frames.open_draft(NAMESPACE, NAME)
    with pytest.raises(DraftNotFoundError):
        small_frames.draft_size(NAMESPACE, NAME)
    with pytest.raises(ValueError, match="cannot name a draft"):
        small_frames.open_draft(NAMESPACE, "../../etc")
    assert small_frames.drop_draft(NAMESPACE, NAME) is False
    assert small_frames.drafts(NAMESPACE) == []


def test_the_sweep_leaves_drafts_alone(small_frames: BlobStore, root: Path) -> None:
    written(small_frames, noise(100))
    old = root / NAMESPACE / "drafts"
    (old / f"{NAME}.{'0' * 32}.log").write_bytes(b"left behind")
    (old / f"{NAME}.{'0' * 32}.new").write_bytes(b"left behind")
    for path in old.iterdir():
        os.utime(path, (0, 0))
    assert small_frames.sweep_temporary(0) == 2
    assert small_frames.drafts(NAMESPACE) == [NAME]
    assert get(small_frames, completed(small_frames)) == noise(100)


def test_a_dropped_draft_leaves_nothing(small_frames: BlobStore, root: Path) -> None:
    written(small_frames, noise(1000), noise(10))
    assert small_frames.drop_draft(NAMESPACE, NAME)
    assert files_below(root) == []


def test_a_published_blob_outlives_its_draft(small_frames: BlobStore) -> None:
    """The process died after it gave the blob its name and before anybody knew."""
    content = noise(1000)
    written(small_frames, content)
    with small_frames.open_draft(NAMESPACE, NAME) as draft:
        draft.end()
        assert caught_up(draft).finish().publish().created
    with small_frames.open_draft(NAMESPACE, NAME) as draft:
        assert draft.size == 1000
        draft.end()
        assert draft.head(10) == content[:10]
        assert not caught_up(draft).finish().publish().created
    assert small_frames.drop_draft(NAMESPACE, NAME)
    small_frames.verify(NAMESPACE, sha256(content))


def test_a_duplicate_is_told_at_the_end(small_frames: BlobStore) -> None:
    content = noise(500)
    put(small_frames, content)
    written(small_frames, content)
    assert completed(small_frames) == sha256(content)


def test_rewinding_forgets_what_was_not_acknowledged(small_frames: BlobStore, root: Path) -> None:
    content = noise(1000)
    written(small_frames, content[:300])
    before = blob_id(root)
    for more in (content[300:310], content[300:900]):
        with small_frames.open_draft(NAMESPACE, NAME) as draft:
            draft.write(more[::-1])
            draft.rewind(300)
        assert small_frames.draft_size(NAMESPACE, NAME) == 300
    assert blob_id(root) != before  # frames were sealed: they may not be under the same key again
    written_more(small_frames, content[300:])
    assert completed(small_frames) == sha256(content)


def written_more(store: BlobStore, piece: bytes) -> None:
    with store.open_draft(NAMESPACE, NAME) as draft:
        draft.write(piece)
        draft.sync()


def blob_id(root: Path) -> bytes:
    return (drafts_of(root) / NAME).read_bytes()[16:32]


def test_a_long_log_is_written_anew(small_frames: BlobStore, root: Path) -> None:
    content = noise(64 * 2_100)
    written(small_frames, content)
    before = blob_id(root)
    [log] = drafts_of(root).glob("*.log")
    size = log.stat().st_size
    small_frames.open_draft(NAMESPACE, NAME).close()
    assert log.stat().st_size < size / 4
    assert blob_id(root) == before
    assert completed(small_frames) == sha256(content)


def torn_frame(file: Path, log: Path) -> None:
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size - 5)


def junk_after(file: Path, log: Path) -> None:
    with file.open("ab") as handle:
        handle.write(b"the beginning of a frame")


def zeros_after(file: Path, log: Path) -> None:
    with file.open("ab") as handle:
        handle.write(bytes(5_000_000))


def torn_record(file: Path, log: Path) -> None:
    with log.open("ab") as handle:
        handle.write(bytes([0, 0, 0, 80]) + b"half a record")


def lost_end_of_log(file: Path, log: Path) -> None:
    with log.open("r+b") as handle:
        handle.truncate(log.stat().st_size - 3)


@pytest.mark.parametrize(
    ("crash", "acknowledged", "rekeyed"),
    [
        (torn_frame, False, True),
        (junk_after, True, True),
        (zeros_after, True, False),
        (torn_record, True, False),
        (lost_end_of_log, False, True),
    ],
    ids=["torn frame", "junk", "reserved room", "torn record", "log cut"],
)
def test_what_a_crash_leaves_is_taken_up(
    small_frames: BlobStore,
    root: Path,
    crash: Callable[[Path, Path], None],
    *,
    acknowledged: bool,
    rekeyed: bool,
) -> None:
    """The first 100 bytes were acknowledged; of the rest there is what the crash left."""
    content = noise(1000)
    written(small_frames, content[:100])
    draft = small_frames.open_draft(NAMESPACE, NAME)
    draft.write(content[100:640])
    if acknowledged:
        draft.sync()
        draft.close()
    else:
        draft._drain()  # sealed and written, and never synced
        draft._sealed.source.close()
        draft._file.trim(draft._sealer.position)
        draft._file.close()
    before = blob_id(root)
    [log] = drafts_of(root).glob("*.log")
    crash(drafts_of(root) / NAME, log)
    seen = small_frames.draft_size(NAMESPACE, NAME)
    with small_frames.open_draft(NAMESPACE, NAME) as again:
        assert again.size == seen
        assert again.size >= (640 if acknowledged else 100)
        assert (blob_id(root) != before) is rekeyed
        again.write(content[again.size :])
        again.sync()
    assert get(small_frames, completed(small_frames)) == content
    assert [path.name for path in files_below(root)] == [sha256(content).hex()]


def test_an_acknowledged_tail_survives_the_loss_of_the_frame_it_went_into(
    small_frames: BlobStore, root: Path
) -> None:
    content = noise(200)
    written(small_frames, content[:50])
    draft = small_frames.open_draft(NAMESPACE, NAME)
    draft.write(content[50:100])
    draft._drain()
    draft._sealed.source.close()
    draft._file.trim(draft._sealer.position)
    draft._file.close()
    [log] = drafts_of(root).glob("*.log")
    torn_frame(drafts_of(root) / NAME, log)
    assert small_frames.draft_size(NAMESPACE, NAME) == 50
    written_more(small_frames, content[50:])
    assert completed(small_frames) == sha256(content)


@pytest.mark.parametrize("size", [0, 50, 128, 200])
def test_an_end_cut_short_is_made_again(small_frames: BlobStore, root: Path, size: int) -> None:
    """Killed between any two steps of the end: the record of it, the last frame, the index, the name."""
    content = noise(size)
    for step in ("record", "frame", "index", "short index"):
        written(small_frames, content)
        draft = small_frames.open_draft(NAMESPACE, NAME)
        if step == "record":
            submit, draft._submit = draft._submit, lambda _: None  # type: ignore[method-assign]
            draft.end()
            draft._submit = submit  # type: ignore[method-assign]
        else:
            draft.end()
            if step != "frame":
                caught_up(draft).finish()
        draft.close()
        if step == "short index":
            with (drafts_of(root) / NAME).open("r+b") as handle:
                handle.truncate((drafts_of(root) / NAME).stat().st_size - 20)
        assert small_frames.draft_size(NAMESPACE, NAME) == size
        digest = completed(small_frames)
        assert digest == sha256(content)
        small_frames.verify(NAMESPACE, digest)
        small_frames.delete(NAMESPACE, digest)
        assert files_below(root) == []


@pytest.mark.parametrize("which", ["file", "log"])
def test_no_changed_byte_is_believed(small_frames: BlobStore, root: Path, which: str) -> None:
    """A draft with any byte changed either is refused, or has less, or is the same after all."""
    content = noise(200)
    written(small_frames, content[:100], content[100:])
    [log] = drafts_of(root).glob("*.log")
    path = log if which == "log" else drafts_of(root) / NAME
    whole = path.read_bytes()
    other = (drafts_of(root) / NAME if which == "log" else log).read_bytes()
    for offset in range(0, len(whole), 3):
        for old in drafts_of(root).iterdir():
            old.unlink()
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        (drafts_of(root) / NAME if which == "log" else log).write_bytes(other)
        try:
            with small_frames.open_draft(NAMESPACE, NAME) as draft:
                size = draft.size
                draft.end()
                assert caught_up(draft).finish().digest == sha256(content[:size])
        except (BlobDamagedError, WrongKeyError, UnsupportedVersionError):
            continue


def test_records_of_another_log_do_not_hold(small_frames: BlobStore, root: Path) -> None:
    """What a log said before it was written anew cannot be put back into it, or in another order."""
    written(small_frames, noise(70), noise(70))
    [log] = drafts_of(root).glob("*.log")
    whole = log.read_bytes()
    log.write_bytes(whole[:16] + os.urandom(16) + whole[32:])
    assert small_frames.draft_size(NAMESPACE, NAME) == 0


def test_another_key_opens_nothing(root: Path, tmp_path: Path, small_frames: BlobStore) -> None:
    written(small_frames, noise(100))
    stranger = BlobStore(root, Keyring.create(tmp_path / "other.json", bytes(32)), frame_log2=6)
    with pytest.raises(WrongKeyError):
        stranger.open_draft(NAMESPACE, NAME)
    with pytest.raises(WrongKeyError):
        stranger.draft_size(NAMESPACE, NAME)
    stranger.close()


def test_a_draft_outlives_its_storage_key(small_frames: BlobStore, keyring: Keyring) -> None:
    content = noise(500)
    written(small_frames, content[:200])
    keyring.renew([NAMESPACE])
    assert small_frames.rekey_draft(NAMESPACE, NAME)
    assert not small_frames.rekey_draft(NAMESPACE, NAME)
    keyring.retire(NAMESPACE, keyring.key_ids(NAMESPACE)[:-1])
    written_more(small_frames, content[200:])
    assert get(small_frames, completed(small_frames)) == content
    with pytest.raises(DraftNotFoundError):
        small_frames.rekey_draft(NAMESPACE, NAME)


def test_nothing_lies_in_clear(store: BlobStore, root: Path) -> None:
    written(store, b"a secret that is short", b"another secret")
    for path in files_below(root):
        assert b"secret" not in path.read_bytes()


WRITER = """
import os, sys
from pathlib import Path
from storage import BlobStore, DraftNotFoundError, Keyring
sys.path.insert(0, sys.argv[4])
from tests.storage.helpers import noise

store = BlobStore(Path(sys.argv[1]), Keyring.open(Path(sys.argv[2]), bytes(range(32))))
content = noise(int(sys.argv[3]))
name = "0123456789abcdef" * 2
try:
    draft = store.open_draft("org-1", name)
except DraftNotFoundError:
    draft = store.create_draft("org-1", name)
print("ready", draft.size, flush=True)
while draft.size < len(content):
    for step in range(5):
        draft.write(content[draft.size : draft.size + 100_000])
    print(draft.sync(), flush=True)
draft.end()
while draft.is_behind:
    draft.catch_up()
print("whole", flush=True)
print(draft.finish().publish().digest.hex(), flush=True)
"""


def test_kills_at_any_moment_lose_nothing_that_was_acknowledged(
    store: BlobStore, root: Path, tmp_path: Path
) -> None:
    size = 10_000_000
    source = random.Random(os.getpid())  # noqa: S311 - any moment will do
    repository = str(Path(__file__).parents[2])
    arguments = [str(root), str(tmp_path / "keyring.json"), str(size), repository]
    acknowledged, lines = 0, [""]
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            ready, found = process.stdout.readline().split()
            assert ready == "ready"
            assert int(found) >= acknowledged
            # Nothing signals "in the middle of a write": the moment has to be a time.
            select.select([], [], [], source.uniform(0.0, 0.06))
            process.send_signal(signal.SIGKILL)
            lines = process.stdout.read().split("\n")
        numbers = [int(line) for line in lines[:-1] if len(line) < 20 and line.isdecimal()]
        acknowledged = max([acknowledged, *numbers])
        if len(lines[-2] if len(lines) > 1 else "") == 64:
            break
    content = noise(size)
    with store.open_draft(NAMESPACE, NAME) as draft:
        if draft.size < size:
            draft.write(content[draft.size :])
        draft.end()
        assert caught_up(draft).finish().publish().digest == sha256(content)
    store.verify(NAMESPACE, sha256(content))


@pytest.fixture
def few_bytes() -> Iterator[None]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_keeps_what_was_acknowledged(
    store: BlobStore, root: Path, few_bytes: None
) -> None:
    content = noise(12_000_000)
    written(store, content[:1_000_000])
    before = blob_id(root)
    draft = store.open_draft(NAMESPACE, NAME)
    with pytest.raises(StoreFullError):  # noqa: PT012 - whichever of them meets the end
        draft.write(content[1_000_000:])
        draft.sync()
    draft.close()
    assert store.draft_size(NAMESPACE, NAME) >= 1_000_000
    with store.open_draft(NAMESPACE, NAME) as draft:
        assert content.startswith(content[: draft.size])
    assert blob_id(root) == before  # no frame was cut short, so the key may stay
