"""The master key as settings give it."""

import base64
from pathlib import Path

import pytest

from backend.core.settings import Settings

KEY = bytes(range(32))


def test_the_key_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    text = base64.b64encode(KEY).decode()
    path = tmp_path / "key"
    path.write_text(text + "\n")
    assert Settings(encryption_key=text).master_key() == KEY
    assert Settings(encryption_key=None, encryption_key_file=path).master_key() == KEY


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(KEY[:31]).decode()])
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="encryption key"):
        Settings(encryption_key=text).master_key()


def test_the_key_is_in_no_representation() -> None:
    text = base64.b64encode(KEY).decode()
    assert text not in repr(Settings(encryption_key=text))
