"""Starting programs that neither outlive their parent nor have more rights than they need.

The account a server runs as, the copy of its programs that this account can read, and the tie
between a child's life and its parent's. Which programs run is said elsewhere.
"""

import ctypes
import grp
import hashlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import psutil

from backend.launch.errors import LaunchError

ROOT = 0
PREFERRED_UIDS = range(60706, 61184)
"""Uids that distributions leave unused (systemd's UIDS-GIDS.md), below 65536 so that containers map them."""

FALLBACK_UIDS = range(59999, 1000, -1)
PROGRAM_CACHE = Path("/var/cache/dms-enterprise")
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class PopenIdentity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The user and group a process runs as."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> "Account":
        """Return the account of this process."""
        return cls(os.geteuid(), os.getegid())

    def popen_arguments(self) -> PopenIdentity:
        """Return what makes `subprocess.Popen` start a process as this account."""
        if self == Account.current():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, directory: Path) -> None:
        """Create `directory` with mode 0700 if absent, and give it and all in it to this account."""
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid == self.uid:
            return
        for parent, _, files in os.walk(directory):
            for path in (parent, *(f"{parent}/{name}" for name in files)):
                os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account(directory: Path) -> Account:
    """Return the account for the server that keeps its data in `directory`.

    Without root's rights that is the current user. Root's servers run as a uid that nothing else on
    the machine uses (nobody is shared with other services, and PostgreSQL refuses root): the one
    that owns the directory already, or a free one derived from the path.
    """
    if os.geteuid() != ROOT:
        return Account.current()
    if directory.exists() and (status := directory.stat()).st_uid != ROOT:
        return Account(status.st_uid, status.st_gid)
    uid = next(_unused_uids(seed=os.fsencode(directory)), None)
    if uid is None:
        raise LaunchError("No unused user id was found for the embedded servers.")
    return Account(uid, uid)


def _unused_uids(*, seed: bytes) -> Iterator[int]:
    offset = int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") % len(PREFERRED_UIDS)
    preferred = itertools.chain(PREFERRED_UIDS[offset:], PREFERRED_UIDS[:offset])
    taken = {user.pw_uid for user in pwd.getpwall()} | {group.gr_gid for group in grp.getgrall()}
    for process in psutil.process_iter(["uids"]):
        if process.info["uids"] is not None:
            taken.add(process.info["uids"].effective)
    mapped = _mapped_uids()
    for uid in itertools.chain(preferred, FALLBACK_UIDS):
        if uid not in taken and any(uid in ids for ids in mapped):
            yield uid


def _mapped_uids() -> list[range]:
    """Return the uids that exist in this user namespace: not all do in an unprivileged container."""
    lines = Path("/proc/self/uid_map").read_text(encoding="utf-8").splitlines()
    rows = [[int(field) for field in line.split()] for line in lines]
    return [range(first, first + count) for first, _, count in rows]


def initdb_account(account: Account) -> Account:
    """Return an account that has a name, for initdb: it refuses a uid that the system does not know."""
    if account == Account.current():
        return account
    for name in ("nobody", "daemon"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(user.pw_uid, user.pw_gid)
    raise LaunchError("Neither of the users nobody and daemon exists to create the database with.")


def package_directory(name: str) -> Path:
    """Return where an installed package lies without importing it: the servers' import and print things.

    Raises:
        LaunchError: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        message = f"The package {name} is not installed: install dms-enterprise[embedded]."
        raise LaunchError(message)
    return Path(spec.origin).parent


def runnable_copy(
    tree: Path, programs: tuple[str, ...], *, label: str, parts: tuple[str, ...], account: Account
) -> Path:
    """Return a directory like `tree` whose programs `account` can run: `tree` itself where it can.

    A virtual environment under a home directory of mode 0700 cannot be reached by another user, so
    its `parts` (paths relative to `tree`) are copied, once for each `label`, which names the version.
    Programs are paths relative to `tree` and must answer `--version`.
    """
    if all(_runs(tree / program, account) for program in programs):
        return tree
    copy = PROGRAM_CACHE / label
    if not copy.is_dir():
        PROGRAM_CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PROGRAM_CACHE) as temporary:
            for part in parts:
                shutil.copytree(tree / part, Path(temporary, label, part), symlinks=True)
            _make_readable(Path(temporary, label))
            Path(temporary, label).replace(copy)
    if not all(_runs(copy / program, account) for program in programs):
        message = f"The programs in {copy} cannot be run as uid {account.uid}."
        raise LaunchError(message)
    return copy


def _runs(program: Path, account: Account) -> bool:
    try:
        completed = subprocess.run(
            [program, "--version"],
            cwd="/",
            capture_output=True,
            check=False,
            **account.popen_arguments(),
        )
    except PermissionError:
        return False
    return completed.returncode == 0


def _make_readable(tree: Path) -> None:
    for parent, _, files in os.walk(tree):
        for path in (Path(parent), *(Path(parent, name) for name in files)):
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn`: the kernel sends the child signal `number` when its parent dies.

    The parent is the thread that starts the child, so that thread must live as long as the child
    shall. Neither a fork nor a change of user after this keeps the request (prctl(2)); the child's
    own children are looked after by the `guardian`.
    """
    parent = os.getpid()

    def request() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return request


def processes_in(directory: Path) -> list[psutil.Process]:
    """Return the processes whose working directory is `directory`, as far as this user may see."""
    identity = directory.stat()
    found = []
    for process in psutil.process_iter():
        try:
            status = Path(f"/proc/{process.pid}/cwd").stat()
        except OSError:  # ended, or another user's
            continue
        if (status.st_dev, status.st_ino) == (identity.st_dev, identity.st_ino):
            found.append(process)
    return found
