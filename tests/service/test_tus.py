"""Resumable uploads against the running service, with clients that others wrote: tus-js-client and curl."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.service import ROOT, Service, wait_until

MIB = 2**20
DRIVER = ROOT / "tests" / "support" / "tus_client.mjs"


def node() -> str:
    """Return the node that tools/web uses."""
    own = ROOT / ".cache" / "node" / "bin" / "node"
    found = str(own) if own.exists() else shutil.which("node")
    assert found, "tools/web installs node"
    return found


class TusClient:
    """A run of tus-js-client."""

    def __init__(self, service: Service, client: httpx.Client, file: Path, **options: Any) -> None:
        told = {
            "endpoint": f"{service.url}/api/v1/uploads",
            "token": client.headers["Authorization"],
            "file": str(file),
            **options,
        }
        self.process = subprocess.Popen(
            [node(), str(DRIVER), json.dumps(told)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[dict[str, Any]] = []

    def lines(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            assert line.startswith("{"), line + self.process.stdout.read()
            self.said.append(json.loads(line))
            yield self.said[-1]

    def until_sent(self, size: int) -> None:
        """Read on until so many bytes were handed to the network."""
        for line in self.lines():
            assert "error" not in line, line
            if line.get("sent", 0) >= size:
                return
        pytest.fail(f"it ended before: {self.said[-3:]}")

    def document(self) -> dict[str, Any]:
        """Return what the upload became."""
        for _ in self.lines():
            pass
        self.process.wait(60)
        last = self.said[-1]
        assert "done" in last, self.said[-3:]
        document: dict[str, Any] = json.loads(last["done"]["body"])
        return document

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def tus_client(
    service: Service, client: httpx.Client, file: Path, **options: Any
) -> Iterator[TusClient]:
    run = TusClient(service, client, file, **options)
    try:
        yield run
    finally:
        run.kill()


def made_file(path: Path, size: int) -> str:
    """Write random bytes; return their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, 8 * MIB):
            block = os.urandom(min(8 * MIB, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def read_digest(client: httpx.Client, document_id: int) -> str:
    digest = hashlib.sha256()
    with client.stream("GET", f"/documents/{document_id}/content") as download:
        for chunk in download.iter_raw(MIB):
            digest.update(chunk)
    return digest.hexdigest()


def drafts(service: Service) -> list[Path]:
    return list((service.data_dir / "store").glob("*/drafts/*"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunkSize": 5 * MIB},
        {"chunkSize": 700_000, "uploadDataDuringCreation": True},
        {"parallelUploads": 3},
    ],
    ids=["one request", "chunks", "small chunks", "parallel parts"],
)
def test_tus_js_client_uploads(service: Service, tmp_path: Path, options: dict[str, Any]) -> None:
    client = service.login()
    folder = client.post("/folders", json={"name": f"tus {options}"[:60]}).json()["id"]
    expected = made_file(tmp_path / "file", 12 * MIB + 345)
    metadata = {"filename": "a.bin", "folder_id": str(folder)}
    with tus_client(service, client, tmp_path / "file", metadata=metadata, **options) as run:
        document = run.document()
    assert document["sha256"] == expected
    assert document["current_version"]["scan_status"] == "clean"
    assert read_digest(client, document["id"]) == expected
    assert drafts(service) == []


def test_tus_js_client_is_told_of_a_taken_name_before_the_first_byte(
    service: Service, tmp_path: Path
) -> None:
    client = service.login()
    folder = client.post("/folders", json={"name": "tus taken"}).json()["id"]
    client.post(f"/folders/{folder}/documents", params={"name": "a.bin"}, content=b"there")
    made_file(tmp_path / "file", 6 * MIB)
    metadata = {"filename": "a.bin", "folder_id": str(folder)}
    with tus_client(service, client, tmp_path / "file", metadata=metadata) as run:
        last = list(run.lines())[-1]
    assert last["error"]["status"] == 409
    assert json.loads(last["error"]["body"])["code"] == "name_taken"
    assert all("sent" not in line for line in run.said)


def kill_backend(service: Service) -> None:
    for process in service.backends():
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("parallel", [1, 3])
def test_a_server_killed_on_the_way_goes_on_where_it_was(
    killed_service: Service, tmp_path: Path, parallel: int
) -> None:
    """kill -9 of the backend, then another client program that knows nothing but the address of the upload."""
    service, size = killed_service, 300 * MIB
    expected = made_file(tmp_path / "file", size)
    client = service.login()
    folder = client.post("/folders", json={"name": f"Killed {parallel}"}).json()["id"]
    options = {
        "metadata": {"filename": "large.bin", "folder_id": str(folder)},
        "urlStorage": str(tmp_path / "urls.json"),
        "parallelUploads": parallel,
    }
    with tus_client(service, client, tmp_path / "file", **options) as run:
        run.until_sent(size * 7 // 10)
        kill_backend(service)
    wait_until(service.is_ready, seconds=60, what="ready again")
    client = service.login()
    unfinished = client.get("/uploads").json()
    assert len(unfinished) == parallel
    with tus_client(service, client, tmp_path / "file", **options) as run:
        document = run.document()
        assert any("resumed" in line for line in run.said)
        sent = [line["sent"] for line in run.said if "sent" in line]
    assert sent[0] > size // parallel // 2
    assert document["sha256"] == expected
    assert document["current_version"]["scan_status"] == "clean"
    assert read_digest(client, document["id"]) == expected
    assert drafts(service) == []
    assert client.get("/uploads").json() == []
    assert service.command("fsck").returncode == 0


def curl(*arguments: str) -> tuple[int, dict[str, str], str]:
    """Run curl; return status, headers and body."""
    done = subprocess.run(
        ["curl", "-sS", "-i", "-H", "Expect:", "-H", "Tus-Resumable: 1.0.0", *arguments],
        capture_output=True,
        check=True,
    )
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def test_curl_uploads_in_two_pieces(service: Service, tmp_path: Path) -> None:
    client = service.login()
    folder = client.post("/folders", json={"name": "tus curl"}).json()["id"]
    expected = made_file(tmp_path / "file", 7 * MIB)
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "first").write_bytes(content[: 3 * MIB])
    (tmp_path / "rest").write_bytes(content[3 * MIB :])
    login = ["-H", f"Authorization: {client.headers['Authorization']}"]
    pairs = {"filename": "a.bin", "folder_id": str(folder)}
    metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())
    created = ["-X", "POST", "-H", f"Upload-Length: {len(content)}"]
    status, headers, _ = curl(
        *login, *created, "-H", f"Upload-Metadata: {metadata}", f"{service.url}/api/v1/uploads"
    )
    assert status == 201
    upload = service.url + headers["location"]
    as_bytes = ["-X", "PATCH", "-H", "Content-Type: application/offset+octet-stream"]
    status, headers, _ = curl(
        *login, *as_bytes, "-H", "Upload-Offset: 0", "-T", str(tmp_path / "first"), upload
    )
    assert (status, headers["upload-offset"]) == (204, str(3 * MIB))
    status, headers, _ = curl(*login, "--head", upload)
    assert (status, headers["upload-offset"]) == (200, str(3 * MIB))
    status, headers, body = curl(
        *login,
        *as_bytes,
        "-H",
        f"Upload-Offset: {headers['upload-offset']}",
        "-T",
        str(tmp_path / "rest"),
        upload,
    )
    assert status == 200
    assert json.loads(body)["sha256"] == expected
