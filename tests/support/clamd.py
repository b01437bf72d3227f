"""A real clamd for the tests, with one signature of our own: the EICAR test string.

The public signatures are 300 MB and cannot be fetched everywhere; the engine, the protocol and its limits are
what is tested. Debian's `clamav-daemon` brings the program (tools/install-test-packages).
"""

import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.launch.layout import short_path
from backend.launch.processes import die_with_parent

PROGRAM = Path("/usr/sbin/clamd")
SIGNATURE = "Eicar-Test-Signature"
REPORTED_SIGNATURE = f"{SIGNATURE}.UNOFFICIAL"
"""What clamd answers: it marks signatures that do not come from ClamAV."""

EICAR = (
    # In two halves, so that no scanner takes this file for the thing itself.
    rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
)

CONFIGURATION = """\
Foreground yes
LogFile {directory}/clamd.log
LogTime yes
LocalSocket {directory}/clamd.ctl
LocalSocketMode 600
FixStaleSocket yes
DatabaseDirectory {directory}/signatures
TemporaryDirectory {directory}/temporary
AlertExceedsMax yes
StreamMaxLength {stream_max_length}
MaxScanSize {stream_max_length}
MaxFileSize {max_file_size}
MaxScanTime 300000
SelfCheck 0
"""


@dataclass
class Clamd:
    """A running daemon: its socket, and its process to be killed or stopped (SIGSTOP) by a test."""

    socket: Path
    process: subprocess.Popen[bytes]
    log: Path

    def learn(self, name: str, content: bytes) -> None:
        """Give it a signature for what contains these bytes, as an update of the signatures would."""
        directory = self.log.parent / "signatures"
        (directory / f"{name}.ndb").write_text(f"{name}:0:*:{content.hex()}\n")
        assert self.ask(b"zRELOAD\0") == b"RELOADING\0"
        deadline = time.monotonic() + 60
        # Until it has read all anew, it goes by what it knew, and may know these bytes by another name.
        while f" {name}.UNOFFICIAL FOUND".encode() not in self.ask(
            b"zINSTREAM\0" + struct.pack("!I", len(content)) + content + bytes(4)
        ):
            assert time.monotonic() < deadline, "clamd did not learn within a minute"
            time.sleep(0.05)

    def forget(self, name: str) -> None:
        """Withdraw a signature, from the next one that is learned on."""
        (self.log.parent / "signatures" / f"{name}.ndb").unlink()

    def ask(self, command: bytes) -> bytes:
        """Return the answer to a command."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self.socket))
            client.sendall(command)
            return client.recv(4_096)


@contextmanager
def clamd(
    directory: Path, *, stream_max_length: int = 2**31 - 1, max_file_size: int = 2**31 - 1
) -> Iterator[Clamd]:
    """Run clamd while the block runs, with all its files in `directory`. Sizes are bytes.

    `max_file_size` is how much of a stream is scanned at most; clamd allows no more than 2 GiB - 1.
    """
    directory.mkdir(parents=True, exist_ok=True)
    short = short_path(directory, socket_name="clamd.ctl")
    for part in ("signatures", "temporary"):
        (directory / part).mkdir(exist_ok=True)
    # Extended signature format: name, any target type, at the beginning of the file, hexadecimal bytes.
    (directory / "signatures" / "eicar.ndb").write_text(f"{SIGNATURE}:0:0:{EICAR.hex()}\n")
    (directory / "clamd.conf").write_text(
        CONFIGURATION.format(
            directory=short, stream_max_length=stream_max_length, max_file_size=max_file_size
        )
    )
    daemon = Clamd(short / "clamd.ctl", start(directory), directory / "clamd.log")
    try:
        _wait_until_it_answers(daemon, directory / "clamd.out")
        yield daemon
    finally:
        daemon.process.kill()
        daemon.process.wait()


def start(directory: Path) -> subprocess.Popen[bytes]:
    """Start the daemon that is configured in a directory; it does not answer at once."""
    with (directory / "clamd.out").open("wb") as output:
        return subprocess.Popen(
            [PROGRAM, "--config-file", directory / "clamd.conf"],
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - prctl, nothing else
        )


def _wait_until_it_answers(daemon: Clamd, output: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(daemon.socket))
                client.sendall(b"zPING\0")
                assert client.recv(16) == b"PONG\0"
                return
        except (FileNotFoundError, ConnectionRefusedError):
            assert daemon.process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, "clamd did not answer within a minute"
            time.sleep(0.02)
