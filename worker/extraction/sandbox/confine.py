"""Locking the calling process in: what a parser taken over by a document can no longer do.

Uses the kernel's own interfaces through ctypes, for there is no kept package for them: Landlock (landlock(7)), network
namespaces (unshare(2)), capabilities (capset(2)), prctl(2), setrlimit(2). Each is applied where the kernel permits;
what could not be applied is reported, not fatal: resource limits and the process boundary always hold.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x1000_0000, 0x4000_0000, 0x0800_0000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = (
    444,
    445,
    446,
)  # the same on every architecture
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_MAKE_SOCKET = 1 << 9
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_EVERYTHING = (1 << 15) - 1
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_ABI_FILES, _ABI_TCP, _ABI_SCOPES = 1, 4, 6
_TCP_RIGHTS = 0b11
_SCOPES = 0b11  # abstract sockets and signals stay inside
_CAPABILITY_VERSION_3 = 0x2008_0522

_LOW_PRIORITY = 10
_SOCKETS = Path("/tmp"), Path("/var/tmp")  # noqa: S108 - nothing is read or written there
# What a program of the system's is made of, and what it asks for at its start.
_PROGRAMS = tuple(
    map(
        Path,
        (
            *("/usr", "/lib", "/lib64", "/bin", "/opt"),
            *("/etc/libreoffice", "/var/cache/fontconfig", "/etc/passwd", "/etc/nsswitch.conf"),
        ),
    )
)
_OPEN_FILES = 64
# What interpreters, codecs, font lookup and the OCR runtime read. No home or data directory, nor /etc as a whole.
_READABLE = (
    "/usr", "/lib", "/lib64", "/bin", "/nix/store", "/opt",
    "/etc/ld.so.cache", "/etc/fonts", "/etc/localtime", "/etc/mime.types",
    os.devnull, "/dev/zero", "/dev/urandom", "/dev/random",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/self", "/proc/sys/vm",
    "/sys/devices/system", "/sys/fs/cgroup",
)  # fmt: skip


def confine(*, executable: Path | None = None, readable: Path | None = None) -> list[str]:
    """Lock this process and all it will start in, for good; give the names of the locks that hold.

    Afterwards it reads the interpreter's and the system's files only (a document comes as an open descriptor),
    writes, creates and executes no file, has no network, no privileges, and the lowest claim to processor and memory.
    `executable` is the one program it may start all the same, `readable` a directory it may read besides.
    Call it while the process has one thread: the kernel applies most of it to the calling thread alone.
    """
    files = _files_to_read()
    if readable is not None:
        files[readable] = _READ_FILE | _READ_DIR
    if executable is not None:
        files |= dict.fromkeys((executable, *_loaders()), _READ_FILE | _EXECUTE)
    return _confine(files, file_bytes=0)


def confine_program(
    folder: Path, *, memory_bytes: int, cpu_seconds: int, file_bytes: int
) -> list[str]:
    """Lock this process in like `confine`, but for a program it is about to become; give the locks that hold.

    The program may be any of the system's, write files of up to `file_bytes` in `folder`, and make sockets in the
    folders for temporary files, but nothing else there.
    """
    limit_memory(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 2))
    running = dict.fromkeys(_PROGRAMS, _READ_FILE | _READ_DIR | _EXECUTE)
    sockets = dict.fromkeys(_SOCKETS, _MAKE_SOCKET)
    files = _files_to_read() | running | sockets | {folder: _EVERYTHING}
    return _confine(files, file_bytes=file_bytes)


def _confine(files: Mapping[Path, int], *, file_bytes: int) -> list[str]:
    os.nice(_LOW_PRIORITY)
    with suppress(OSError):  # the first to go when memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    left_network = _leave_network()
    landlock = _restrict(files)
    locks = {
        "files": landlock >= _ABI_FILES,
        "network": left_network or landlock >= _ABI_TCP,
        "signals": landlock >= _ABI_SCOPES,
        "capabilities": os.geteuid() != 0 or _drop_capabilities(),
    }
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return [name for name, holds in locks.items() if holds]


def address_space() -> int:
    """Give the bytes of address space in use."""
    return _statm(0)


def resident() -> int:
    """Give the bytes of memory in use; getrusage(2) would count what the process had that started this one."""
    return _statm(1)


def limit_reader(*, memory_bytes: int, cpu_seconds: int) -> None:
    """Bound one reader: address space, processor time (SIGXCPU, then SIGKILL), open files."""
    limit_memory(memory_bytes)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 2))


def limit_memory(memory_bytes: int) -> None:
    """Bound the address space of this process."""
    _limit(resource.RLIMIT_AS, memory_bytes)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, process `parent`, dies; it may have died already."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def silence() -> None:
    """Send what libraries print to nowhere: broken documents must not fill the worker's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _statm(column: int) -> int:
    return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _leave_network() -> bool:
    """Move to an empty network namespace; without privileges by way of a user namespace, where those are permitted."""
    flags = _CLONE_NEWNET | _CLONE_NEWIPC
    return bool(_LIBC.unshare(flags) == 0 or _LIBC.unshare(flags | _CLONE_NEWUSER) == 0)


def _restrict(files: Mapping[Path, int]) -> int:
    """Allow nothing else to be done with files; give the version of Landlock that sees to it, 0 if there is none."""
    abi = _LIBC.syscall(
        _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION
    )
    if abi < _ABI_FILES:
        return 0
    rights = (1 << _FILE_RIGHTS_BY_ABI[min(abi, max(_FILE_RIGHTS_BY_ABI))]) - 1
    attributes = struct.pack("=Q", rights)
    if abi >= _ABI_TCP:
        attributes += struct.pack("=Q", _TCP_RIGHTS)
    if abi >= _ABI_SCOPES:
        attributes += struct.pack("=Q", _SCOPES)
    rules = _LIBC.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return 0
    try:
        for path, access in files.items():
            _allow(rules, path, access & rights)
        return abi if _LIBC.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _files_to_read() -> dict[Path, int]:
    package = Path(__file__).parents[2]
    libraries = [entry for entry in sys.path if entry.endswith("-packages")]
    paths = {package, *map(Path, (*_READABLE, sys.prefix, sys.base_prefix, *libraries))}
    nowhere = {Path(os.devnull): _READ_FILE | _WRITE_FILE}
    return dict.fromkeys(paths, _READ_FILE | _READ_DIR) | nowhere


def _loaders() -> set[Path]:
    """Return what the kernel starts in a program's place to load it (ld.so(8))."""
    return {path for root in ("/lib64", "/lib") for path in Path(root).glob("ld-linux*.so.*")}


def _allow(rules: int, path: Path, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system
    try:
        if not path.is_dir():
            access &= _ON_FILES
        rule = struct.pack("=Qi", access, descriptor)
        _LIBC.syscall(_LANDLOCK_ADD_RULE, rules, _LANDLOCK_RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _drop_capabilities() -> bool:
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    return bool(_LIBC.capset(header, bytes(24)) == 0)
