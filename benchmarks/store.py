"""The store against the C calls it is made of, restic and borg: writing, reading, small files.

Run ``python benchmarks/store.py``; ``--help`` tells the options. Every contestant reads the same
input file and writes to the same disk; each run is a fresh process and a fresh store.
Ours and the single thread use zstd 3; restic compresses by its default, borg is told ``zstd,3``.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import zstandard
from _ratio import GB, Cost, cost_of, judge, line, median_cost, report_busyness, spread
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage import FRAME_SIZE, BlobStore, Keyring, prepare_process

KEY = bytes(range(32))
NAMESPACE = "bench"
BLOCK = 1 << 20
SMALL_SIZE = 20_000
SMALL_COUNT = 4_000
SMALL_THREADS = 8
RANDOM_READS = 400
RANDOM_READ_SIZE = 64 << 10

TARGETS = {
    # kind: CPU against one thread, restic, borg; wall against one thread, restic
    "text": (1.10, 0.40, 0.79, 0.55, 0.40),
    "incompressible": (1.10, 0.20, 0.40, None, 0.28),
    "mixed": (1.10, 0.33, 0.70, None, None),
}


# Input


def real_text() -> bytes:
    """The standard library's sources: what compression is judged by, and where words come from."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(folder.glob("*.py")) + sorted(folder.glob("[a-z]*/*.py"))
    return b"".join(path.read_bytes() for path in files if "site-packages" not in path.parts)


def text_blocks(blocks: int) -> Iterator[bytes]:
    """Never-repeating text: words as frequent as in real text, and snippets of that text."""
    source = random.Random(7)
    real = real_text()
    counts = Counter(re.findall(rb"\w+|\s+|[^\w\s]+", real))
    words, weights = list(counts), list(counts.values())
    for _ in range(blocks):
        parts = []
        size = 0
        while size < BLOCK:
            start = source.randrange(len(real) - 4096)
            part = b"".join(source.choices(words, weights, k=4096)) + real[start : start + 4096]
            parts.append(part)
            size += len(part)
        yield b"".join(parts)[:BLOCK]


def make_inputs(folder: Path, size: int) -> dict[str, Path]:
    """The three input files, kept between runs of the same size."""
    blocks = size // BLOCK
    paths = {kind: folder / f"{kind}-{blocks}" for kind in TARGETS}
    if not all(path.exists() and path.stat().st_size == blocks * BLOCK for path in paths.values()):
        noise = random.Random(11)
        with (
            paths["text"].open("wb") as text,
            paths["incompressible"].open("wb") as incompressible,
            paths["mixed"].open("wb") as mixed,
        ):
            for number, block in enumerate(text_blocks(blocks)):
                raw = noise.randbytes(BLOCK)
                text.write(block)
                incompressible.write(raw)
                mixed.write(raw if number // 4 % 2 else block)
        os.sync()  # or the first contestant would wait for the disk to take the input
    return paths


def pieces(path: Path) -> Iterator[memoryview]:
    """A file in pieces of one frame, through one buffer."""
    buffer = bytearray(FRAME_SIZE)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while got := file.readinto(buffer):
            yield view[:got]


# Contestants: each runs in its own process, in an empty folder


def open_store(folder: Path) -> BlobStore:
    path = folder / "keyring.json"
    keyring = Keyring.open(path, KEY) if path.exists() else Keyring.create(path, KEY)
    return BlobStore(folder / "blobs", keyring)


def write_store(source: Path, folder: Path) -> dict[str, float]:
    store = open_store(folder)
    result: dict[str, float] = {}

    def work() -> None:
        with store.writer(NAMESPACE) as writer:
            for piece in pieces(source):
                writer.write(piece)
            info = writer.finish().publish()
        result["stored"] = info.stored_size

    return {**vars(cost_of(work)), **result}


def write_single(source: Path, folder: Path) -> dict[str, float]:
    """The same C calls and no more, one after another in one thread."""
    digest = hashlib.sha256()
    compressor = zstandard.ZstdCompressor(level=3)
    cipher = AESGCM(KEY)
    out = memoryview(bytearray(FRAME_SIZE + 1024))
    result = {"stored": 0.0}

    def work() -> None:
        descriptor = os.open(folder / "out", os.O_CREAT | os.O_WRONLY)
        for number, piece in enumerate(pieces(source)):
            digest.update(piece)
            packed: bytes | memoryview = compressor.compress(piece)
            if len(packed) > len(piece) - len(piece) // 64:
                packed = piece
            length = len(packed) + 16
            cipher.encrypt_into(number.to_bytes(12, "big"), packed, None, out[:length])
            result["stored"] += os.write(descriptor, out[:length])
        os.fsync(descriptor)
        os.close(descriptor)

    return {**vars(cost_of(work)), **result}


def read_store(source: Path, folder: Path, *, check_digest: bool = True) -> dict[str, float]:
    store = open_store(folder)
    digest = next(store.digests(NAMESPACE))

    def work() -> None:
        with store.open(NAMESPACE, digest) as reader:
            size = sum(len(piece) for piece in reader.iter(check_digest=check_digest))
        if size != source.stat().st_size:
            raise RuntimeError("the content came back short")

    work()  # the first pass brings the file into the page cache
    return vars(cost_of(work))


def read_store_unhashed(source: Path, folder: Path) -> dict[str, float]:
    return read_store(source, folder, check_digest=False)


def read_single(source: Path, folder: Path) -> dict[str, float]:
    """Read, decrypt, decompress, hash what ``write_single`` wrote, in one thread."""
    cipher = AESGCM(KEY)
    decompressor = zstandard.ZstdDecompressor()
    lengths = []
    compressor = zstandard.ZstdCompressor(level=3)
    for piece in pieces(source):
        packed = len(compressor.compress(piece))
        lengths.append(packed if packed <= len(piece) - len(piece) // 64 else len(piece))
    write_single(source, folder)
    sealed = memoryview(bytearray(FRAME_SIZE + 1024))
    plain = memoryview(bytearray(FRAME_SIZE + 1024))

    def work(*, hashing: bool) -> None:
        digest = hashlib.sha256()
        descriptor = os.open(folder / "out", os.O_RDONLY)
        offset = 0
        for number, length in enumerate(lengths):
            got = os.preadv(descriptor, [sealed[: length + 16]], offset)
            cipher.decrypt_into(number.to_bytes(12, "big"), sealed[:got], None, plain[:length])
            raw = length == FRAME_SIZE
            content = bytes(plain[:length]) if raw else decompressor.decompress(plain[:length])
            if hashing:
                digest.update(content)
            offset += got
        os.close(descriptor)

    work(hashing=True)
    hashed, bare = cost_of(lambda: work(hashing=True)), cost_of(lambda: work(hashing=False))
    return {"cpu": hashed.cpu, "wall": hashed.wall, "bare_cpu": bare.cpu, "bare_wall": bare.wall}


def random_reads(source: Path, folder: Path) -> dict[str, float]:
    """64 KiB at random offsets, the blob opened anew each time."""
    store = open_store(folder)
    digest = next(store.digests(NAMESPACE))
    most = source.stat().st_size - RANDOM_READ_SIZE
    offsets = [random.Random(3).randrange(most) for _ in range(RANDOM_READS)]

    def work() -> None:
        for offset in offsets:
            with store.open(NAMESPACE, digest) as reader:
                reader.read(offset, RANDOM_READ_SIZE)

    work()
    return vars(cost_of(work).per(RANDOM_READS / 1000))


def small_puts(source: Path, folder: Path) -> dict[str, float]:
    """Durable puts of 20 KB of unique text, eight at a time."""
    store = open_store(folder)
    rest = SMALL_SIZE - 8
    with source.open("rb") as file:
        data = file.read(rest * SMALL_COUNT)
    starts = [number * rest % (len(data) - rest) for number in range(SMALL_COUNT)]
    contents = [
        number.to_bytes(8, "big") + data[start : start + rest]
        for number, start in enumerate(starts)
    ]
    barrier = threading.Barrier(SMALL_THREADS + 1)

    def put_some(first: int) -> None:
        barrier.wait()
        for number in range(first, SMALL_COUNT, SMALL_THREADS):
            with store.writer(NAMESPACE) as writer:
                writer.write(contents[number])
                writer.finish().publish()

    with ThreadPoolExecutor(SMALL_THREADS) as pool:
        runs = [pool.submit(put_some, first) for first in range(SMALL_THREADS)]

        def work() -> None:
            barrier.wait()
            for run in runs:
                run.result()

        cost = cost_of(work)
    return {"cpu": cost.cpu, "wall": cost.wall, "rate": SMALL_COUNT / cost.wall}


def write_restic(source: Path, folder: Path) -> dict[str, float]:
    environment = {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(folder / "r")}
    base = ["restic", "--quiet", "--no-cache"]
    subprocess.run([*base, "init"], env=environment, check=True)
    backup = [*base, "backup", str(source)]
    return vars(cost_of(lambda: subprocess.run(backup, env=environment, check=True)))


def write_borg(source: Path, folder: Path) -> dict[str, float]:
    environment = {**os.environ, "BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": str(folder)}
    repository = str(folder / "r")
    init = ["borg", "--error", "init", "-e", "repokey", repository]
    subprocess.run(init, env=environment, check=True, capture_output=True)
    create = ["borg", "create", "-C", "zstd,3", f"{repository}::a", str(source)]
    return vars(cost_of(lambda: subprocess.run(create, env=environment, check=True)))


CONTESTANTS: dict[str, Callable[[Path, Path], dict[str, float]]] = {
    function.__name__: function
    for function in (
        write_store,
        write_single,
        read_store,
        read_store_unhashed,
        read_single,
        random_reads,
        small_puts,
        write_restic,
        write_borg,
    )
}


def run(name: str, source: Path, folder: Path) -> dict[str, float]:
    """One contestant in a process of its own."""
    command = [sys.executable, __file__, "--contestant", name, str(source), str(folder)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return {key: float(value) for key, value in json.loads(answer).items()}


def repeat(name: str, source: Path, scratch: Path, times: int) -> list[dict[str, float]]:
    """Several runs, each in an empty folder.

    All folders go at the end: beside inodes just deleted, ext4 spends longer to find one than a put takes.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        runs = [Path(folder) / str(number) for number in range(times)]
        for path in runs:
            path.mkdir()
        return [run(name, source, path) for path in runs]


def costs(results: list[dict[str, float]], units: float) -> list[Cost]:
    return [Cost(result["cpu"], result["wall"]).per(units) for result in results]


# Report


def compare_writes(kind: str, source: Path, scratch: Path, times: int) -> None:
    size = source.stat().st_size
    print(f"\nWrite, {kind}, {size / (1 << 20):.0f} MiB, medians of {times} (lowest to highest)")
    names = ["write_store", "write_single"]
    names += [f"write_{peer}" for peer in ("restic", "borg") if shutil.which(peer)]
    rounds: dict[str, list[Cost]] = {name: [] for name in names}
    for _ in range(times):  # in turns, so that a busy moment hits every contestant
        for name in names:
            rounds[name] += costs(repeat(name, source, scratch, 1), size / GB)
    medians = {name: median_cost(values) for name, values in rounds.items()}
    for name, values in rounds.items():
        cpu, wall = [cost.cpu for cost in values], [cost.wall for cost in values]
        line(name.removeprefix("write_"), f"CPU s/GB {spread(cpu)}", f"wall s/GB {spread(wall)}")
    ours = medians["write_store"]
    single, restic, borg, wall_single, wall_restic = TARGETS[kind]
    for name, cpu_target, wall_target in (
        ("write_single", single, wall_single),
        ("write_restic", restic, wall_restic),
        ("write_borg", borg, None),
    ):
        if name in medians:
            cpu, wall = ours.cpu / medians[name].cpu, ours.wall / medians[name].wall
            peer = name.removeprefix("write_")
            line(f"CPU against {peer}", f"{cpu:.3f} x", judge(cpu, at_most=cpu_target))
            line(f"wall against {peer}", f"{wall:.3f} x", judge(wall, at_most=wall_target))


def compare_reads(kind: str, source: Path, scratch: Path, times: int) -> None:
    units = source.stat().st_size / GB
    print(f"\nRead of all, {kind}, page cache warm, medians of {times}, CPU s/GB")
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        run("write_store", source, folder)
        whole = [run("read_store", source, folder) for _ in range(times)]
        bare = [run("read_store_unhashed", source, folder) for _ in range(times)]
        places = [run("random_reads", source, folder) for _ in range(times)]
    single = repeat("read_single", source, scratch, times)
    for label, ours, key in (
        ("with the digest of the whole", whole, "cpu"),
        ("frames' seals only", bare, "bare_cpu"),
    ):
        own = [result["cpu"] / units for result in ours]
        peer = [result[key] / units for result in single]
        ratio = statistics.median(own) / statistics.median(peer)
        line(label, spread(own), f"the same C calls {spread(peer)}")
        line(f"{label}: ratio", f"{ratio:.3f} x", judge(ratio, at_most=1.10))
    each = [result["cpu"] for result in places]
    line(
        "64 KiB anywhere, opening included, CPU ms",
        spread(each),
        judge(statistics.median(each), at_most=0.8),
    )


def compare_sizes(inputs: dict[str, Path], scratch: Path) -> None:
    print("\nSize")
    real = scratch / "real-text"
    real.write_bytes(real_text())
    for name, source in (("standard library", real), ("generated text", inputs["text"])):
        stream = zstandard.ZstdCompressor(level=3)
        with source.open("rb") as file:
            whole = sum(len(part) for part in stream.read_to_iter(file))
        size = source.stat().st_size
        stored = repeat("write_store", source, scratch, 1)[0]["stored"]
        kept = (size / stored) / (size / whole)
        line(
            f"compression kept against one stream, {name}",
            f"{kept:.2%}",
            judge(kept, at_least=0.98),
        )
    real.unlink()
    source = inputs["incompressible"]
    size = source.stat().st_size
    extra = (repeat("write_store", source, scratch, 1)[0]["stored"] - size) / (size / (1 << 20))
    line("overhead besides compression, bytes per MiB", f"{extra:.1f}", judge(extra, at_most=80))


def compare_small(source: Path, scratch: Path, times: int) -> None:
    print(f"\nPuts of {SMALL_SIZE} bytes, {SMALL_THREADS} at a time, durable, medians of {times}")
    results = repeat("small_puts", source, scratch, times)
    rates = [result["rate"] for result in results]
    line("puts per second", spread(rates), judge(statistics.median(rates), at_least=1700))
    line("CPU ms a put", spread([result["cpu"] / SMALL_COUNT * 1000 for result in results]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB of each input (1024)")
    parser.add_argument("--times", type=int, default=5, help="runs of each contestant (5)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "dms-bench")
    parser.add_argument("--only", choices=["writes", "reads", "sizes", "small"])
    parser.add_argument("--kinds", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--contestant", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        name, source, folder = options.contestant
        prepare_process()
        print(json.dumps(CONTESTANTS[name](Path(source), Path(folder))))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    inputs = make_inputs(options.folder, options.size * BLOCK)
    wanted = [options.only] if options.only else ["sizes", "small", "writes", "reads"]
    with report_busyness():
        if "sizes" in wanted:
            compare_sizes(inputs, options.folder)
        if "small" in wanted:
            compare_small(inputs["text"], options.folder, options.times)
        if "writes" in wanted:
            for kind in options.kinds:
                compare_writes(kind, inputs[kind], options.folder, options.times)
        if "reads" in wanted:
            for kind in options.kinds:
                compare_reads(kind, inputs[kind], options.folder, options.times)


if __name__ == "__main__":
    main()
