"""The first start, and what every start must find: the master key, and the first administrator's password.

Both are made here, once. What is done with them is the store's and the identity domain's business.
"""

from dataclasses import dataclass
from pathlib import Path

from backend.content.keys import has_files, open_keyring, refuse_a_lost_keyring
from backend.core.encryption_key import EncryptionKeyError
from backend.core.settings import Settings
from backend.launch.errors import LaunchError
from backend.launch.layout import DataDirectory
from backend.launch.rotation import make_key_file

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
        LaunchError: the key or the keyring is lost, malformed, or not the one this installation's data need.
    """
    key = _given_key(settings) or _own_key(settings, data)
    try:
        if settings.keyring_path.exists():
            open_keyring(settings)
        else:
            settings.master_key()
            refuse_a_lost_keyring(settings, stored=has_files(data.store))
    except EncryptionKeyError as error:
        raise LaunchError(str(error)) from error
    return key


def _given_key(settings: Settings) -> MasterKey | None:
    source = settings.key_source
    given = {
        "ENCRYPTION_KEY": source.value,
        "ENCRYPTION_KEY_FILE": None if source.file is None else str(source.file.absolute()),
        "ENCRYPTION_KEY_COMMAND": source.command,
    }
    found = {name: value for name, value in given.items() if value is not None}
    return MasterKey(found) if found else None


def _own_key(settings: Settings, data: DataDirectory) -> MasterKey:
    path = data.master_key
    environment = {"ENCRYPTION_KEY_FILE": str(path)}
    if path.exists():
        return MasterKey(environment)
    if settings.keyring_path.exists() or has_files(data.store):
        message = (
            f"The encryption key is missing: {path} does not exist, but {data.root} holds documents that were"
            " encrypted with it. Put the copy that was kept back in that place (mode 0600), or give the key as"
            " ENCRYPTION_KEY. A new key could not read them, so none is made."
        )
        raise LaunchError(message)
    make_key_file(path)
    return MasterKey(environment, new_file=path)


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
