"""Office documents to PDF, by LibreOffice, where it is installed.

Each conversion is a process of its own with a profile of its own, confined (`office_program`): no network, no file but
the system's and its own, which lie in memory. How many run at once is for the queue to bound: each takes a core.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backend.content.media_types import (
    DOC,
    DOCX,
    ODP,
    ODS,
    ODT,
    PPT,
    PPTX,
    XLS,
    XLSB,
    XLSX,
)
from worker.previews.model import Status

_PROGRAM = "worker.previews.office_program"
_FILTERS: Mapping[str, str] = {
    DOC: "MS Word 97",
    DOCX: "MS Word 2007 XML",
    XLS: "MS Excel 97",
    XLSX: "Calc MS Excel 2007 XML",
    XLSB: "Calc MS Excel 2007 Binary",
    PPT: "MS PowerPoint 97",
    PPTX: "Impress MS PowerPoint 2007 XML",
    ODT: "writer8",
    ODS: "calc8",
    ODP: "impress8",
    "application/rtf": "Rich Text Format",
}
"""LibreOffice's names of what it is to read a media type as. Left to itself it takes what is broken for plain text."""
_MEMORY_FILES = Path("/dev/shm")  # noqa: S108 - files in memory are what is wanted; each folder is private
_SOCKETS = Path("/tmp")  # noqa: S108 - LibreOffice's choice
_MOUNTS = Path("/proc/mounts")
_PREFIX = "dms-office-"
_CHUNK = 1 << 20
_START_AGAIN = 81
"""LibreOffice's exit code when it made its profile and wants to be started anew with it."""
_MOST_STARTS = 3
_LOCKED = "EncryptedPackage".encode("utf-16-le")
"""The name of a stream in new office documents under a password ([MS-OFFCRYPTO] 2.3.4.4)."""
# Nothing that a document brings along is run, and nothing that it points to is fetched.
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
{items}</oor:items>
"""
_ITEM = (
    '<item oor:path="/org.openoffice.{path}">'
    '<prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>\n'
)
_SETTINGS = (
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Writer/Content/Update", "Link", "2"),
    ("Office.Calc/Content/Update", "Link", "2"),
    ("Office.Common/Save/Document", "AutoSave", "false"),
    ("Office.Recovery/RecoveryInfo", "Enabled", "false"),
)


@dataclass(frozen=True, slots=True)
class OfficeLimits:
    """How much one conversion may cost."""

    wall_seconds: float = 120.0
    cpu_seconds: int = 110
    memory_bytes: int = 4 << 30
    """Address space: LibreOffice maps more than a gigabyte before it has read anything."""
    file_bytes: int = 512 << 20
    """Of any file it writes, the PDF too."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of a conversion."""

    status: Status
    detail: str = ""
    """One sentence for a person, where there is no PDF."""
    pdf: bytes = b""


@cache
def soffice() -> Path | None:
    """Give LibreOffice's program; None where it is not installed."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    if found is None:
        return None
    # Not the script that is found: that one starts a program that starts the program.
    program = Path(found).resolve().with_name("soffice.bin")
    return program if program.is_file() else None


def convert(path: Path, *, media_type: str, limits: OfficeLimits | None = None) -> Converted:
    """Convert an office document nobody vouches for to PDF.

    Args:
        path: the file.
        media_type: what it is.
        limits: what it may cost.

    Blocks for up to `limits.wall_seconds`. Raises OSError if the file cannot be opened or copied into memory; never
    for what is in the file.
    """
    limits = limits or OfficeLimits()
    if soffice() is None:
        return Converted("unsupported", "LibreOffice is not installed: there are no pages to see.")
    if not _is_memory(_MEMORY_FILES):
        return Converted(
            "unsupported", "There is no memory for files here, which LibreOffice needs."
        )
    with _scratch() as folder:
        source = folder / "document"
        if _copy(path, source):
            return Converted("encrypted", "The document is protected with a password.")
        return _run(folder, source, _FILTERS[media_type], limits)


def sweep() -> None:
    """Remove what conversions left: folders in memory whose worker was killed, and sockets nobody listens on.

    LibreOffice makes its socket where only the system's folder will do, and may not remove it there.
    """
    for folder in _MEMORY_FILES.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
    for name in _SOCKETS.glob("OSL_PIPE_*SingleOfficeIPC_*"):
        with suppress(OSError):
            if name.stat().st_uid == os.geteuid() and not _is_listening(name):
                name.unlink()


def _is_listening(name: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(name))
        except ConnectionRefusedError:
            return False
        return True


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a private folder in memory for as long as the block runs."""
    with tempfile.TemporaryDirectory(
        prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY_FILES, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@cache
def _fresh_profile(process_id: int) -> Path:
    """Give a profile that no document has seen, made once by this process: making one costs a start of its own."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{process_id}-", dir=_MEMORY_FILES))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    items = "".join(
        _ITEM.format(path=path, name=name, value=value) for path, name, value in _SETTINGS
    )
    (user / "registrymodifications.xcu").write_text(_PROFILE.format(items=items))
    _start(folder, ["--terminate_after_init"], OfficeLimits())
    return folder / "profile"


def _copy(path: Path, target: Path) -> bool:
    """Copy a document; tell whether it is one of the new kind under a password."""
    is_locked, tail = False, b""
    with path.open("rb") as source, target.open("xb") as copy:
        while chunk := source.read(_CHUNK):
            copy.write(chunk)
            is_locked = is_locked or _LOCKED in tail + chunk
            tail = chunk[-len(_LOCKED) :]
    return is_locked


def _run(folder: Path, source: Path, read_as: str, limits: OfficeLimits) -> Converted:
    shutil.copytree(_fresh_profile(os.getpid()), folder / "profile")
    to_pdf = ["--convert-to", "pdf", f"--infilter={read_as}", "--outdir", str(folder / "out")]
    code = _start(folder, [*to_pdf, str(source)], limits)
    if code is None:
        sentence = f"LibreOffice took longer than {limits.wall_seconds:.0f} s and was stopped."
        return Converted("failed", sentence)
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        sentence = (
            f"LibreOffice took more than {limits.cpu_seconds} s of processor time and was stopped."
        )
        return Converted("failed", sentence)
    pdf = folder / "out" / "document.pdf"
    if not pdf.is_file() or not pdf.stat().st_size:
        return Converted(
            "damaged", "LibreOffice cannot open it: it is broken, or protected with a password."
        )
    return Converted("ready", pdf=pdf.read_bytes())


def _start(folder: Path, arguments: list[str], limits: OfficeLimits) -> int | None:
    """Run LibreOffice, as often as it asks for with a new profile; give its exit code, None if it took too long."""
    deadline = time.monotonic() + limits.wall_seconds
    for _ in range(_MOST_STARTS):
        process = _popen(folder, arguments, limits)
        try:
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)
            sweep()
        if code != _START_AGAIN:
            break
    return code


def _popen(folder: Path, arguments: list[str], limits: OfficeLimits) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-P", "-m", _PROGRAM,
        str(os.getpid()), str(folder), str(limits.memory_bytes), str(limits.cpu_seconds), str(limits.file_bytes),
        str(soffice()), f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        # The caches beside it are the system's, which a privileged user could write, and this one may not.
        f"-env:UNO_SHARED_PACKAGES_CACHE={(folder / 'shared').as_uri()}",
        "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck", "--nofirststartwizard",
        *arguments,
    ]  # fmt: skip
    return subprocess.Popen(  # noqa: S603 - our own module, which becomes LibreOffice
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=_environment(folder),
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "SAL_USE_VCLPLUGIN": "svp",  # draws without a display
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _is_memory(folder: Path) -> bool:
    """Tell whether what is written to a folder stays in memory."""
    lines = _MOUNTS.read_text().splitlines() if _MOUNTS.exists() else []
    return any(line.split()[1:3] == [str(folder), "tmpfs"] for line in lines)
