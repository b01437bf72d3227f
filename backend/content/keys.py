"""The keyring of the installation: opened with a word to the person who starts it where it cannot be, and made once."""

import asyncio
from contextlib import suppress
from pathlib import Path

from backend.core.encryption_key import EncryptionKeyError
from backend.core.settings import Settings
from storage import Keyring, KeyringExistsError, KeyringNotFoundError, StoreError, WrongKeyError

GUIDE = "docs/admin/keys.md"


def open_keyring(settings: Settings) -> Keyring:
    """Open the keyring that the settings name.

    Raises:
        EncryptionKeyError: the master key or the keyring is missing, malformed, damaged or not the right one.
    """
    key = settings.master_key()
    path = settings.keyring_path
    try:
        return Keyring.open(path, key)
    except KeyringNotFoundError:
        raise EncryptionKeyError(
            f"There is no keyring at {path}. `dms prepare` makes one for a new installation. If this one has stored"
            f" documents, put its keyring back from the backup: they cannot be read without it ({GUIDE})."
        ) from None
    except WrongKeyError:
        raise EncryptionKeyError(_wrong_key(settings)) from None
    except StoreError as error:
        raise EncryptionKeyError(f"The store's keys cannot be used: {error} ({GUIDE}).") from None


def open_or_make_keyring(settings: Settings) -> Keyring:
    """Open the keyring; make it where there is none and nothing is stored yet.

    Raises:
        EncryptionKeyError: like `open_keyring`; the keyring is missing and the store is not empty.
    """
    path = settings.keyring_path
    if not path.exists():
        refuse_a_lost_keyring(settings, stored=has_files(settings.store_dir))
        key = settings.master_key()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return Keyring.create(path, key)
        except KeyringExistsError:
            pass  # another process made it in this instant
    return open_keyring(settings)


async def follow_keyring(keyring: Keyring, *, every: float = 1.0) -> None:
    """Look at the keyring each so many seconds, for ever.

    A process goes on with the keys it holds when the master key is rotated. One that nobody asked for anything since
    the storage keys were renewed would not hold the newest, and store nothing more until it is started again.
    """
    while True:
        await asyncio.sleep(every)
        with suppress(StoreError):
            await asyncio.to_thread(keyring.check)


def refuse_a_lost_keyring(settings: Settings, *, stored: bool) -> None:
    """Refuse to go on where content is stored and its keyring is missing: a new one could not open it.

    Raises:
        EncryptionKeyError: that is so.
    """
    if stored and not settings.keyring_path.exists():
        raise EncryptionKeyError(
            f"The keyring is missing: {settings.keyring_path} does not exist, but documents are stored that were"
            " encrypted with its keys. Put it back from the backup, with the encryption key of that time. A new"
            f" keyring could not open them, so none is made ({GUIDE})."
        )


def has_files(directory: Path) -> bool:
    """Whether there is anything in a directory, which need not exist."""
    return directory.is_dir() and any(directory.iterdir())


def _wrong_key(settings: Settings) -> str:
    source = settings.key_source
    message = (
        f"The encryption key that {source.name} gives does not open the keyring at {settings.keyring_path}: it is"
        " another key. Give the one that was kept when this installation was made or, if it was rotated since"
        " (`dms keys rotate`), the newest. A keyring from a backup needs the key of that time. Nothing was changed,"
        f" and nothing can be read without the right key ({GUIDE})."
    )
    if source.is_own and (new := unfinished_rotation(source.own_file)).exists():
        message += f" There is {new}: a rotation was interrupted. `dms keys rotate` finishes it."
    return message


def unfinished_rotation(own_file: Path) -> Path:
    """Return where the next master key of `dms up` waits while the keyring is rotated to it."""
    return own_file.with_name(own_file.name + ".new")
