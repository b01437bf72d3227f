"""Several writers and readers at once, in threads and in processes."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage import FRAME_SIZE, BlobInfo, BlobStore, Keyring
from tests.storage.helpers import MASTER_KEY, NAMESPACE, files_below, get, noise, put, sha256


@pytest.mark.parametrize("size", [100, 3 * FRAME_SIZE])
def test_two_at_once_store_one_blob(store: BlobStore, root: Path, size: int) -> None:
    content = noise(size)
    barrier = threading.Barrier(4)

    def upload() -> BlobInfo:
        with store.writer(NAMESPACE) as writer:
            writer.write(content)
            pending = writer.finish()
            barrier.wait()
            return pending.publish()

    with ThreadPoolExecutor(4) as pool:
        infos = [run.result() for run in [pool.submit(upload) for _ in range(4)]]
    assert sorted(info.created for info in infos) == [False, False, False, True]
    assert len(files_below(root)) == 1
    assert store.verify(NAMESPACE, sha256(content)).size == size


def test_many_large_writers_share_the_pool(store: BlobStore) -> None:
    contents = [noise(5 * FRAME_SIZE + seed, seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        infos = list(pool.map(lambda content: put(store, content), contents))
    assert [info.digest for info in infos] == [sha256(content) for content in contents]
    assert [get(store, info.digest) for info in infos] == contents


def test_readers_in_threads_share_buffers(small_frames: BlobStore, store: BlobStore) -> None:
    """Also between frame sizes: the smaller blob's buffers may serve the larger one next."""
    small, large = noise(500), noise(3 * FRAME_SIZE)
    digests = [put(small_frames, small).digest, put(store, large).digest] * 8
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda digest: get(store, digest), digests))
    assert found == [small, large] * 8


def _put_in_process(root: Path, keys: Path, seeds: list[int]) -> list[bool]:
    store = BlobStore(root, Keyring.open(keys, MASTER_KEY))
    created = [put(store, noise(1000 + seed, seed), f"org-{seed % 3}").created for seed in seeds]
    store.close()
    return created


def test_processes_share_directory_and_keyring(
    store: BlobStore, keyring: Keyring, root: Path, tmp_path: Path
) -> None:
    seeds = list(range(30))
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        jobs = [(root, tmp_path / "keyring.json", seeds)] * 3
        created = pool.starmap(_put_in_process, jobs)
    assert [sum(each) for each in zip(*created, strict=True)] == [1] * 30
    assert len(files_below(root)) == 30
    for seed in seeds:
        content = noise(1000 + seed, seed)
        assert get(store, sha256(content), f"org-{seed % 3}") == content
