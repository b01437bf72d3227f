"""Signing in by a directory."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.errors import UnavailableError
from backend.identity.external import service as external
from backend.identity.external.service import Vouched
from backend.identity.external.settings import Directory
from backend.identity.ldap.directory import DirectoryFailedError, Entry, authenticate

log = structlog.get_logger(__name__)

# Threads that a directory which does not answer may hold up.
_AT_ONCE = asyncio.Semaphore(4)


async def check(directory: Directory, *, login: str, password: str) -> Vouched | None:
    """Return whom the directory says that a name and password belong to.

    Raises:
        UnavailableError: the directory does not answer.
    """
    async with _AT_ONCE:
        try:
            entry = await asyncio.to_thread(authenticate, directory, login, password)
        except DirectoryFailedError as error:
            log.warning("directory_failed", url=directory.url, error=str(error))
            raise UnavailableError("The directory does not answer. Try again later.") from error
    return None if entry is None else _vouched(directory, entry)


async def user_of(session: AsyncSession, directory: Directory, vouched: Vouched) -> int:
    """Return the user the directory speaks of; see `external.service.user_of`."""
    return await external.user_of(session, directory, vouched)


def _vouched(directory: Directory, entry: Entry) -> Vouched:
    return Vouched(
        issuer=f"ldap:{directory.id}",
        subject=entry.subject,
        email=entry.email,
        # Whoever administers the directory answers for it.
        email_is_verified=True,
        name=entry.name,
        groups=entry.groups,
    )
