"""Where an installation keeps what: the data directory, its parts, and the secrets in it.

Here are paths and the files this service itself invents (passwords). What happens at the first start
is in `installation`; how a server uses its directory is in that server's module.
"""

import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backend.launch.errors import LaunchError

SOCKET_PATH_LIMIT = 107
"""Longest path of a Unix socket in bytes, without the terminating zero (sun_path, unix(7))."""


@dataclass(frozen=True)
class DataDirectory:
    """The one directory that holds everything an installation must not lose.

    `root` is absolute: the servers change their working directory.
    """

    root: Path

    @classmethod
    def at(cls, root: Path) -> "DataDirectory":
        """Return the data directory at `root`, created (mode 0700, with its parts) if absent.

        Raises:
            LaunchError: this user may not use it.
        """
        directory = cls(Path(os.path.abspath(root)))  # noqa: PTH100 - resolve() would follow links
        for part in (
            directory.root,
            directory.store,
            directory.keys,
            directory.secrets,
            directory.logs,
            directory.run,
        ):
            try:
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            except PermissionError as error:
                message = (
                    f"The data directory {directory.root} cannot be used by this user (uid {os.geteuid()})."
                    " Start the service as the user it belongs to, or choose another with --data-dir."
                )
                raise LaunchError(message) from error
        return directory

    @property
    def postgres(self) -> Path:
        """PGDATA of the embedded PostgreSQL, owned by the account it runs as."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """The append-only files of the embedded Valkey, owned by the account it runs as."""
        return self.root / "valkey"

    @property
    def store(self) -> Path:
        """The content-addressed store."""
        return self.root / "store"

    @property
    def keys(self) -> Path:
        """Key material; losing it loses every document."""
        return self.root / "keys"

    @property
    def master_key(self) -> Path:
        """The master key, mode 0600."""
        return self.keys / "master.key"

    @property
    def secrets(self) -> Path:
        """Generated passwords, one file each."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """One rotated log for each child process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """State of the running service only; may be deleted while it is stopped."""
        return self.root / "run"

    def secret(self, name: str, *, size: int = 32) -> str:
        """Return the password in `secrets/<name>`, made on first use out of `size` random bytes."""
        path = self.secrets / name
        try:
            return path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            value = secrets.token_urlsafe(size)
            write_private(path, value + "\n")
            return value


def write_private(path: Path, text: str, *, uid: int = -1, gid: int = -1) -> None:
    """Create `path` with mode 0600, complete and on disk or not at all; replaces a former file.

    `uid` and `gid` give it to another user.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchown(handle, uid, gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def short_path(directory: Path, *, socket_name: str) -> Path:
    """Return a path to `directory` under which a client can address the socket `socket_name`.

    That is the directory itself where the whole fits into a socket address, else a symbolic link in a
    private directory of this user under the system's temporary directory.

    Raises:
        LaunchError: that private directory is not ours.
    """
    if len(os.fsencode(directory / socket_name)) <= SOCKET_PATH_LIMIT:
        return directory
    private = Path(tempfile.gettempdir()) / f"dms-{os.geteuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    status = private.lstat()
    # Somebody else could have made the directory first, and would then choose where our passwords go.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        message = f"{private} is not a private directory of this user; remove it or set TMPDIR."
        raise LaunchError(message)
    link = private / hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    if not link.is_symlink() or link.readlink() != directory:
        replacement = link.with_suffix(f".{os.getpid()}")
        replacement.unlink(missing_ok=True)
        replacement.symlink_to(directory)
        replacement.replace(link)
    return link
