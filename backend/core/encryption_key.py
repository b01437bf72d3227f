"""Where the master key of the store comes from: a setting, a file, or a command that asks a key service.

Nothing that is raised or logged here holds any of the key: not what a file contains, not what a command printed.
"""

import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from storage import WrongKeyError, parse_master_key

COMMAND_MAY_TAKE = 30.0
"""Seconds."""
_SHOWN_OF_STDERR = 2_000


class EncryptionKeyError(ValueError):
    """The key to the store, or its keyring, is missing, malformed or not the right one.

    The message is for the person who starts the service: what is wrong, and what to do about it.
    """


@dataclass(frozen=True)
class KeySource:
    """Where the master key is to be found. Of the first three, one at most may be given."""

    value: str | None = field(repr=False)
    """The key itself, in base64 (ENCRYPTION_KEY)."""
    file: Path | None
    """A file with the key in base64 (ENCRYPTION_KEY_FILE)."""
    command: str | None = field(repr=False)
    """A command that prints it (ENCRYPTION_KEY_COMMAND); split as a shell would, but no shell runs it."""
    own_file: Path
    """The file that `dms up` makes; used if nothing is given."""

    @property
    def is_own(self) -> bool:
        """Whether it is the key of `dms up`: the settings name none, or name that file."""
        other_file = self.file is not None and self.file.absolute() != self.own_file
        return self.value is None and self.command is None and not other_file

    @property
    def name(self) -> str:
        """The setting, or the file, that the key comes from."""
        return self._given[0] if self._given else str(self.own_file)

    def read(self) -> bytes:
        """Return the 32 bytes.

        Raises:
            EncryptionKeyError: no key is given, or two are; it cannot be had, or is no key.
        """
        text = self._text()
        try:
            return parse_master_key(text)
        except WrongKeyError as error:
            raise EncryptionKeyError(
                f"What {self.name} gives is no encryption key: {error}."
            ) from None

    @property
    def _given(self) -> list[str]:
        given = {
            "ENCRYPTION_KEY": self.value,
            "ENCRYPTION_KEY_FILE": self.file,
            "ENCRYPTION_KEY_COMMAND": self.command,
        }
        return [name for name, value in given.items() if value is not None]

    def _text(self) -> str:
        if len(self._given) > 1:
            raise EncryptionKeyError(
                f"{' and '.join(self._given)} are given together: which one holds? Give one of them alone."
            )
        if self.value is not None:
            return self.value
        if self.command is not None:
            return _output_of(self.command)
        if self.file is None and not self.own_file.exists():
            raise EncryptionKeyError(
                "No encryption key is given, and nothing in the store can be read without it. Set ENCRYPTION_KEY (32"
                " bytes in base64), ENCRYPTION_KEY_FILE (a file that holds them) or ENCRYPTION_KEY_COMMAND (a command"
                " that prints them) to the key that was kept when this installation was made."
            )
        return _content_of(self.file or self.own_file, self.name)


def _content_of(path: Path, name: str) -> str:
    try:
        return path.read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        by = "" if name == str(path) else f" ({name})"
        raise EncryptionKeyError(
            f"The encryption key cannot be read from {path}{by}: {error.strerror}. Put the copy that was kept"
            " back in that place, readable by this user alone, or name the right one."
        ) from None


def _output_of(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise _refusal(f"is not a command line ({error})") from None
    if not words:
        raise _refusal("is empty")
    try:
        ended = subprocess.run(  # noqa: S603 - the administrator's own command, without a shell
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_MAY_TAKE,
            check=False,
        )
    except OSError as error:
        raise _refusal(f"cannot be run: {words[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise _refusal(
            f"did not end within {COMMAND_MAY_TAKE:.0f} seconds and was stopped"
        ) from None
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace").strip()[-_SHOWN_OF_STDERR:]
        raise _refusal(f"failed with status {ended.returncode}. It said: {said or '(nothing)'}")
    return ended.stdout.decode("ascii", errors="replace")


def _refusal(reason: str) -> EncryptionKeyError:
    return EncryptionKeyError(f"No encryption key could be had: ENCRYPTION_KEY_COMMAND {reason}.")
