"""Where files go: the folder an import is for, and those below it that its directories become."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.errors import DomainError
from backend.folders import service as folders
from backend.folders.models import Folder
from backend.imports.naming import Naming

Begin = Callable[[], AbstractAsyncContextManager[tuple[AsyncSession, Actor]]]
"""Opens one transaction, with the person in whose name files are filed."""


async def resolve_folder(session: AsyncSession, actor: Actor, where: str) -> Folder:
    """Return the folder with this id, or at this path from a cabinet down (`Legal/Contracts`).

    Raises:
        NotFoundError: there is none, or the actor may not see it.
    """
    if where.isascii() and where.isdecimal():
        return await folders.get_folder(session, actor, int(where))
    return await folders.find_path(session, actor, where.strip("/").split("/"))


class Folders:
    """The folders that the directories of an import become, made when the first file of them is to be filed.

    For one task at a time. A directory that cannot become one is remembered with what is against it.
    """

    def __init__(self, begin: Begin, folder_id: int, naming: Naming) -> None:
        self._begin = begin
        self._naming = naming
        self._known: dict[bytes, int | DomainError] = {b"": folder_id}

    async def id_of(self, directory: bytes) -> int:
        """Return the id of the folder that a directory has become.

        Raises:
            DomainError: it cannot be one: by its name, or because the actor may not create it.
        """
        found = self._known.get(directory)
        if found is None:
            try:
                found = await self._make(directory)
            except DomainError as error:
                found = error
            self._known[directory] = found
        if isinstance(found, DomainError):
            raise found
        return found

    async def _make(self, directory: bytes) -> int:
        above, _, last = directory.rpartition(b"/")
        parent_id = await self.id_of(above)
        name = self._naming.name(last)
        async with self._begin() as (session, actor):
            return await folders.make_path(session, actor, parent_id, [name])
