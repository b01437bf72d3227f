"""The first start, and what every start must find: the master key, and the first administrator's password.

Both are made here, once. What is done with them is the store's and the identity domain's business.
"""

import base64
import os
from dataclasses import dataclass
from pathlib import Path

from backend.core.settings import Settings
from backend.launch.errors import LaunchError
from backend.launch.layout import DataDirectory, write_private
from storage import Keyring, WrongKeyError, parse_master_key

CREATED = "created the administrator"
"""How the line begins with which `dms init` says that it created one."""


@dataclass(frozen=True)
class MasterKey:
    """Where the children get the master key from, and whether it was made just now."""

    environment: dict[str, str]
    new_file: Path | None = None


def provide_master_key(settings: Settings, data: DataDirectory) -> MasterKey:
    """Return the master key that the settings give, or the data directory's own, made on the first start.

    Raises:
        LaunchError: the key is lost, malformed, or not the one this installation's data need.
    """
    if settings.encryption_key is not None:
        text = settings.encryption_key.get_secret_value()
        key = MasterKey({"ENCRYPTION_KEY": text})
    else:
        path = (settings.encryption_key_file or data.master_key).absolute()
        key = MasterKey({"ENCRYPTION_KEY_FILE": str(path)})
        if not path.exists():
            _refuse_a_lost_key(settings, data, path)
            text = base64.b64encode(os.urandom(32)).decode()
            write_private(path, text + "\n")
            key = MasterKey(key.environment, new_file=path)
        text = path.read_text(encoding="utf-8")
    try:
        parsed = parse_master_key(text)
        if settings.keyring_path.exists():
            Keyring.open(settings.keyring_path, parsed)
    except WrongKeyError as error:
        raise LaunchError(str(error)) from error
    return key


def _refuse_a_lost_key(settings: Settings, data: DataDirectory, path: Path) -> None:
    if settings.encryption_key_file is not None:
        message = f"ENCRYPTION_KEY_FILE names {path}, which does not exist."
        raise LaunchError(message)
    if settings.keyring_path.exists() or any(data.store.iterdir()):
        message = (
            f"The encryption key is missing: {path} does not exist, but {data.root} holds documents that were"
            " encrypted with it. Put the copy that was kept back in that place (mode 0600), or give the key as"
            " ENCRYPTION_KEY. A new key could not read them, so none is made."
        )
        raise LaunchError(message)


@dataclass(frozen=True)
class FirstAdministrator:
    """The first administrator's password: given by the settings, or generated and shown once.

    A generated one is kept in a file from before the administrator exists until it was shown: a first start
    that was interrupted in between would else have locked everybody out.
    """

    settings: Settings
    data: DataDirectory

    @property
    def environment(self) -> dict[str, str]:
        """What the command that creates the administrator is given."""
        if self.settings.admin_password is not None:
            password = self.settings.admin_password.get_secret_value()
        else:
            password = self.data.secret(self._proposed.name, size=12)
        return {"DMS_ADMIN_EMAIL": self.settings.admin_email, "DMS_ADMIN_PASSWORD": password}

    def note_line(self, line: str) -> None:
        """Learn from the command's output that it created the administrator."""
        if line.startswith(CREATED) and self.settings.admin_password is None:
            self._proposed.replace(self._in_use)

    def password_to_show(self) -> str | None:
        """Return a generated password that is in use and was not shown yet."""
        try:
            return self._in_use.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def forget(self) -> None:
        """Remove what was generated: it was shown, or nobody needs it."""
        self._in_use.unlink(missing_ok=True)
        self._proposed.unlink(missing_ok=True)

    @property
    def _proposed(self) -> Path:
        return self.data.secrets / "administrator-proposed"

    @property
    def _in_use(self) -> Path:
        return self.data.secrets / "administrator"
