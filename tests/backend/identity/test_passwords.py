import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.identity import passwords
from backend.identity.passwords import hash_password, verify_password


@pytest.fixture(autouse=True)
def in_earnest(strong_passwords: PasswordHash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", strong_passwords)


async def test_right_and_wrong() -> None:
    kept = await hash_password("correct horse")
    # RFC 9106, section 4: the second recommended option.
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "correct" not in kept
    assert (await verify_password("correct horse", kept)).ok
    assert not (await verify_password("Correct horse", kept)).ok
    assert (await verify_password("correct horse", kept)).new_hash is None


async def test_without_a_hash_no_password_is_right() -> None:
    verification = await verify_password("correct horse", None)
    assert not verification.ok
    assert verification.new_hash is None


async def test_one_password_however_the_keyboard_composes_it() -> None:
    kept = await hash_password("Gr\u00fc\u00dfe")
    assert (await verify_password("Gru\u0308\u00dfe", kept)).ok


async def test_a_weaker_hash_is_to_be_replaced_when_the_password_is_right() -> None:
    weaker = Argon2Hasher(time_cost=1, memory_cost=8 * 1024).hash("correct horse")
    right = await verify_password("correct horse", weaker)
    assert right.ok
    assert right.new_hash is not None
    assert (await verify_password("correct horse", right.new_hash)).ok
    assert (await verify_password("wrong", weaker)).new_hash is None
