"""Uploads and downloads over HTTP, against the store alone on the same input in the same run. The scanner is off.

    python benchmarks/transfer.py --size 1024 --rounds 5 --small 2000

The whole service runs as `dms up` starts it; the client is a process of its own (curl). Server CPU is that of the
backend's processes; the store's is that of this process writing the same bytes to the same file system. `_bare.py`
under the same server tells what HTTP alone costs. A download is given cold (the disk is read) and again from the page
cache, as the store's own reading is measured. Small files go eight at a time through the service, and, as their
bound, through the store followed by one bare asyncpg transaction; once beside the workers that read the files' text,
on the same cores, and once with the workers halted.
"""

import argparse
import asyncio
import base64
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import psutil
from _ratio import Cost, cost_of, judge, line, median_cost, report_busyness
from sqlalchemy.engine import URL, make_url

sys.path.insert(0, str(Path(__file__).parents[1]))

from backend.launch.valkey import free_port
from storage import BlobStore, Keyring
from tests.support.service import Service, running_service, wait_until

MIB = 2**20
SMALL = 20_000
AT_A_TIME = 8


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1024, help="MiB of a large file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=2_000, help="how many small files")
    options = parser.parse_args()
    with report_busyness(), tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        with running_service(root / "data", DMS_SCAN="off", DMS_LOG_LEVEL="WARNING") as service:
            bench = Bench(service, root)
            for kind in ("incompressible", "text"):
                bench.large(kind, options.size * MIB, options.rounds)
            bench.small(options.small)


class Bench:
    """One service, its client, and a store beside it."""

    def __init__(self, service: Service, root: Path) -> None:
        self.service = service
        self.root = root
        self.client = service.login()
        self.token = self.client.headers["Authorization"]
        answer = self.client.post("/folders", json={"name": "Benchmark"})
        self.folder: int = answer.json()["id"]
        self.store = BlobStore(root / "store", Keyring.create(root / "keyring", os.urandom(32)))

    def large(self, kind: str, size: int, rounds: int) -> None:
        """Compare raw and multipart uploads, and downloads, with the store on one large file."""
        source = self.root / kind
        make_content(source, kind, size, seed=1)
        gigabytes = size / 1e9
        names = ("alone", "drain", "raw", "multipart", "tus", "cold", "warm", "send")
        costs: dict[str, list[Cost]] = {name: [] for name in names}
        with bare_server() as (bare, process):
            for number in range(rounds):
                costs["alone"].append(cost_of(lambda: self._store(source)))
                costs["drain"].append(
                    _cost_at([process], lambda: self._curl(*_raw(source), f"{bare}/0"))
                )
                document, cost = self._upload(source, f"{kind}-raw-{number}", multipart=False)
                costs["raw"].append(cost)
                self._purge(document)
                document, cost = self._upload_by_tus(source, f"{kind}-tus-{number}")
                costs["tus"].append(cost)
                self._purge(document)
                document, cost = self._upload(source, f"{kind}-multipart-{number}", multipart=True)
                costs["multipart"].append(cost)
                costs["cold"].append(self._download(document))
                costs["warm"].append(self._download(document))
                costs["send"].append(
                    _cost_at([process], lambda: self._curl("-o", os.devnull, f"{bare}/{size}"))
                )
                self._purge(document)
        source.unlink()
        each = {name: median_cost(values).per(gigabytes) for name, values in costs.items()}
        print(f"\n{kind}, {size // MIB} MiB, medians of {rounds}, CPU and wall seconds per GB")
        for name, label in (
            ("alone", "store alone"),
            ("drain", "HTTP alone, a body taken and dropped"),
            ("raw", "upload, raw body (server)"),
            ("multipart", "upload, multipart (server)"),
            ("tus", "upload, tus, one request (server)"),
            ("cold", "download from the disk (server)"),
            ("warm", "download from the page cache (server)"),
            ("send", "HTTP alone, a body sent"),
        ):
            line(label, f"{each[name].cpu:.2f}  {each[name].wall:.2f}")
        speed = each["alone"].wall / each["raw"].wall
        line("raw upload, speed of the store's", f"{speed:.2f}", judge(speed, at_least=0.85))
        over = each["raw"].cpu - each["alone"].cpu
        line(
            "raw upload, server CPU over the store's, s/GB", f"{over:.2f}", judge(over, at_most=0.5)
        )
        form = each["multipart"].cpu / each["raw"].cpu
        line("multipart over raw, CPU", f"{form:.2f}", judge(form, at_most=1.15))
        tus = each["tus"].cpu / each["raw"].cpu
        line("tus over raw, CPU", f"{tus:.2f}", judge(tus, at_most=1.25))
        slower = each["tus"].wall / each["raw"].wall
        line("tus over raw, wall", f"{slower:.2f}", judge(slower, at_most=1.25))
        allowed = 0.55 if kind == "incompressible" else 1.35
        warm = each["warm"].cpu
        line("download, CPU s/GB", f"{warm:.2f}", judge(warm, at_most=allowed))

    def small(self, count: int) -> None:
        """Compare small uploads through the whole service with the store and one bare transaction."""
        contents = [random.Random(number).randbytes(SMALL) for number in range(count)]
        [backend] = self.service.processes("uvicorn", "backend.main")
        address = make_url(backend.environ()["DMS_DATABASE_URL"])
        bound = asyncio.run(self._store_and_commit(contents, address))
        print(f"\n{count} files of {SMALL} bytes, {AT_A_TIME} at a time, durable")
        line("store and one bare transaction", f"{count / bound:.0f}/s")
        beside = self._upload_all("beside", contents)
        line("the whole service, its workers reading", _rate(beside, count))
        with halted(self.service.processes("celery")):
            alone = self._upload_all("alone", contents)
        line("the whole service, its workers halted", _rate(alone, count))
        ratio = alone.wall / bound
        line("time of the whole over its bound", f"{ratio:.2f}", judge(ratio, at_most=1.5))

    def _upload_all(self, prefix: str, contents: list[bytes]) -> Cost:
        clients = threading.local()

        def upload(number: int) -> None:
            if not hasattr(clients, "client"):
                clients.client = httpx.Client(headers={"Authorization": self.token}, timeout=120)
            answer = clients.client.post(
                f"{self.service.url}/api/v1/folders/{self.folder}/documents",
                params={"name": f"{prefix}-{number}"},
                content=contents[number] + prefix.encode(),
            )
            assert answer.status_code == 201, answer.text  # noqa: S101

        with ThreadPoolExecutor(AT_A_TIME) as threads:
            return _cost_at(
                self.service.backends(), lambda: list(threads.map(upload, range(len(contents))))
            )

    def _store(self, source: Path) -> None:
        with source.open("rb") as file, self.store.writer("benchmark") as writer:
            while chunk := file.read(MIB // 2):
                writer.write(chunk)
            pending = writer.finish()
        blob = pending.publish()
        self.store.delete("benchmark", blob.digest)

    async def _store_and_commit(self, contents: list[bytes], address: URL) -> float:
        _, arguments = address.get_dialect()().create_connect_args(address)
        pool = await asyncpg.create_pool(**arguments, min_size=AT_A_TIME, max_size=AT_A_TIME)
        gate = asyncio.Semaphore(AT_A_TIME)

        def put(content: bytes) -> None:
            with self.store.writer("small") as writer:
                writer.write(content)
                pending = writer.finish()
            pending.publish()

        async def one(content: bytes) -> None:
            async with gate:
                await asyncio.to_thread(put, content)
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute(
                        "INSERT INTO outbox (org_id, name, data, sent_at) VALUES (0, 'benchmark', '{}', now())"
                    )

        started = time.perf_counter()
        await asyncio.gather(*(one(content) for content in contents))
        elapsed = time.perf_counter() - started
        await pool.close()
        return elapsed

    def _upload(self, source: Path, name: str, *, multipart: bool) -> tuple[int, Cost]:
        body = ["-F", f"file=@{source}"] if multipart else _raw(source)
        url = f"{self.service.url}/api/v1/folders/{self.folder}/documents?name={name}"
        answer: list[str] = []

        def send() -> None:
            answer.append(self._curl(*body, url))

        cost = self._server_cost(send)
        document: int = httpx.Response(200, text=answer[0]).json()["id"]
        return document, cost

    def _upload_by_tus(self, source: Path, name: str) -> tuple[int, Cost]:
        """Create an upload, then send all of it in one request, as tus-js-client does by itself."""
        pairs = {"filename": name, "folder_id": str(self.folder)}
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
        )
        version = {"Tus-Resumable": "1.0.0"}
        size = str(source.stat().st_size)
        answer: list[str] = []

        def send() -> None:
            created = self.client.post(
                "/uploads", headers={**version, "Upload-Length": size, "Upload-Metadata": metadata}
            )
            address = self.service.url + created.headers["location"]
            headers = {
                **version,
                "Upload-Offset": "0",
                "Content-Type": "application/offset+octet-stream",
            }
            sent = [word for pair in headers.items() for word in ("-H", ": ".join(pair))]
            upload = ["--upload-file", str(source), "-X", "PATCH"]
            answer.append(self._curl(*sent, *upload, address))

        cost = self._server_cost(send)
        document: int = httpx.Response(200, text=answer[0]).json()["id"]
        return document, cost

    def _download(self, document: int) -> Cost:
        url = f"{self.service.url}/api/v1/documents/{document}/content"
        return self._server_cost(lambda: self._curl("-o", os.devnull, url))

    def _curl(self, *arguments: str) -> str:
        command = [
            "curl",
            "-sS",
            "--fail",
            "-H",
            f"Authorization: {self.token}",
            "-H",
            "Expect:",
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _purge(self, document: int) -> None:
        self.client.delete(f"/documents/{document}")
        self.client.delete(f"/trash/documents/{document}")
        for blob in (self.service.data_dir / "store").glob("org-*/??/??/*"):
            if blob.stat().st_size > MIB:
                blob.unlink()

    def _server_cost(self, work: Callable[[], object]) -> Cost:
        return _cost_at(self.service.backends(), work)


def _raw(source: Path) -> list[str]:
    return ["--upload-file", str(source), "-X", "POST"]


def _rate(cost: Cost, count: int) -> str:
    return f"{count / cost.wall:.0f}/s  ({cost.cpu / count * 1e3:.1f} ms CPU each)"


@contextmanager
def bare_server() -> Iterator[tuple[str, psutil.Process]]:
    """Run `_bare.py` and yield its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "_bare:app", "--port", str(port), "--lifespan=off"]
    with subprocess.Popen([*command, "--log-level=warning"], cwd=Path(__file__).parent) as process:
        try:
            wait_until(lambda: _answers(address), seconds=30, what="the bare server answers")
            yield address, psutil.Process(process.pid)
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/0").status_code == 200
    return False


@contextmanager
def halted(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes for the time of the block."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _cost_at(processes: list[psutil.Process], work: Callable[[], object]) -> Cost:
    cpu, wall = _cpu_of(processes), time.perf_counter()
    work()
    return Cost(_cpu_of(processes) - cpu, time.perf_counter() - wall)


def _cpu_of(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def make_content(path: Path, kind: str, size: int, *, seed: int) -> None:
    """Write `size` bytes: random ones, or words drawn like those of a language."""
    random_ = random.Random(seed)
    with path.open("wb") as file:
        if kind == "incompressible":
            for _ in range(size // MIB):
                file.write(random_.randbytes(MIB))
            return
        words = [
            "".join(random_.choices("abcdefghijklmnopqrstuvwxyz", k=random_.randint(2, 11)))
            for _ in range(20_000)
        ]
        weights = [1 / rank for rank in range(1, len(words) + 1)]
        for _ in range(size // MIB):
            text = " ".join(random_.choices(words, weights, k=MIB // 4)).encode()
            file.write(text[:MIB].ljust(MIB, b" "))


if __name__ == "__main__":
    main()
