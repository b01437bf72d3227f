"""Hashing passwords: argon2id (RFC 9106), off the event loop.

One hash takes 64 MiB and some 50 ms of a core, so that only a few run at a time; the others wait their turn.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

T = TypeVar("T")

_HASHER = PasswordHash((Argon2Hasher(),))
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a password is right, and the hash to keep instead where the old one has become too weak."""

    ok: bool
    new_hash: str | None = None


async def hash_password(password: str) -> str:
    """Return the hash to keep of a password."""
    return await _in_thread(lambda: _HASHER.hash(_normal(password)))


async def verify_password(password: str, password_hash: str | None) -> Verification:
    """Check a password against a hash; without one, take as long and say no."""
    return await _in_thread(lambda: _verify(_normal(password), password_hash))


def _verify(password: bytes, password_hash: str | None) -> Verification:
    against = _decoy() if password_hash is None else password_hash
    ok, new_hash = _HASHER.verify_and_update(password, against)
    return Verification(ok=ok and password_hash is not None, new_hash=new_hash if ok else None)


@cache
def _decoy() -> str:
    """Return the hash of a password nobody knows."""
    return _HASHER.hash(secrets.token_urlsafe())


def _normal(password: str) -> bytes:
    """Return one form for what keyboards send in several (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
