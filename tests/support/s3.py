"""A real server that speaks S3 for the tests: OpenStack Swift, out of a wheel, as an unprivileged process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import obstore
from obstore.store import S3Store

from backend.launch.processes import Account, die_with_parent, server_account
from storage import S3Credentials

PROGRAM = Path(__file__).with_name("swift_server.py")
BUCKET = "blobs"


@dataclass(frozen=True)
class S3Server:
    """A running server with one bucket, and its process to be killed or stopped (SIGSTOP) by a test."""

    port: int
    process: subprocess.Popen[str]
    credentials: S3Credentials

    def url(self, prefix: str, *, bucket: str = BUCKET) -> str:
        """The address of a store in the bucket, for `open_backend`."""
        return f"s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{self.port}&region=us-east-1"

    def store(self, prefix: str) -> S3Store:
        """The same place, to look at what lies there."""
        return S3Store(
            BUCKET,
            prefix=prefix or None,
            endpoint=f"http://127.0.0.1:{self.port}",
            region="us-east-1",
            access_key_id=self.credentials.key_id,
            secret_access_key=self.credentials.secret,
            client_options={"allow_http": True},
        )


@contextmanager
def s3_server(log_path: Path) -> Iterator[S3Server]:
    """Run the server while the block runs.

    Its files are where every user of the machine may go: pytest's directories are closed to the one it runs as.
    """
    credentials = S3Credentials("test:tester", "a-secret-of-the-tests")
    with TemporaryDirectory(prefix="dms-s3-") as directory, log_path.open("wb") as log:
        account = _account(Path(directory))
        account.own(Path(directory))
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", PROGRAM, directory, credentials.secret],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            **account.popen_arguments(),
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - prctl, nothing else
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log_path.read_text()
            server = S3Server(int(line), process, credentials)
            _create_bucket(server)
            yield server
        finally:
            process.kill()
            process.communicate()


def _account(directory: Path) -> Account:
    """Another account than root's, if it can run this Python: a home directory may be closed to it."""
    account = server_account(directory)
    trial = [sys.executable, "-W", "ignore", "-c", "import swift"]
    try:
        subprocess.run(trial, check=True, capture_output=True, **account.popen_arguments())
    except (PermissionError, subprocess.CalledProcessError):
        return Account.current()
    return account


def _create_bucket(server: S3Server) -> None:
    url = obstore.sign(server.store(""), "PUT", "", timedelta(minutes=1))
    httpx.put(url, timeout=60).raise_for_status()
