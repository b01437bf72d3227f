"""Many files at once, before the first byte of any: which of them would be refused, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from unicodedata import normalize

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import Action
from backend.content.errors import UploadTooLargeError
from backend.core.actor import Actor
from backend.core.errors import DomainError
from backend.core.names import clean_name
from backend.documents import queries
from backend.documents.errors import DocumentNameTakenError
from backend.documents.models import UploadLimits
from backend.documents.schemas import OnConflict
from backend.documents.service import limits as taken_in


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that somebody means to upload; its size in bytes."""

    name: str
    size: int


async def check_many(
    session: AsyncSession,
    actor: Actor,
    files: Sequence[Announced],
    *,
    folder_id: int,
    on_conflict: OnConflict,
    largest: int,
) -> list[DomainError | None]:
    """Return, for each of the files, what an upload of it would be refused with; None where nothing is against it.

    The quota is that of all which fit, in their order. With a fixed number of queries.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the folder, or not add to it.
    """
    await access.require(session, actor, Action.DOCUMENT_CREATE, folder_id=folder_id)
    limits = await queries.limits.limits(session, actor.org_id)
    used = 0 if limits is None else await taken_in.used_bytes(session, limits)
    taken = await _taken(session, actor, files, folder_id=folder_id, on_conflict=on_conflict)
    problems: list[DomainError | None] = []
    for position, file in enumerate(files):
        problem = _alone(file, limits, largest) or taken.get(position)
        if problem is None and limits is not None:
            problem = _raised(partial(taken_in.check_quota, limits, used, file.size))
        if problem is None:
            used += file.size
        problems.append(problem)
    return problems


def _alone(file: Announced, limits: UploadLimits | None, largest: int) -> DomainError | None:
    """What is against a file whatever else there is."""

    def check() -> None:
        clean_name(file.name)
        if file.size > largest:
            raise UploadTooLargeError(
                f"The file is larger than the {largest} bytes an upload may have.", limit=largest
            )
        if limits is not None:
            taken_in.check_name(limits, file.name)
            taken_in.check_size(limits, file.size)

    return _raised(check)


async def _taken(
    session: AsyncSession,
    actor: Actor,
    files: Sequence[Announced],
    *,
    folder_id: int,
    on_conflict: OnConflict,
) -> dict[int, DomainError]:
    """By position: whose name is taken, by a document or by an earlier one of the files."""
    if on_conflict is OnConflict.RENAME:
        return {}
    names = [normalize("NFC", file.name).strip() for file in files]
    taken_by = await queries.documents.ids_by_names(session, folder_id, names)
    readable = await access.readable_ids(session, actor, list(taken_by.values()))
    problems: dict[int, DomainError] = {}
    seen: set[str] = set()
    for position, name in enumerate(names):
        document_id = taken_by.get(position)
        if name.lower() in seen:
            problems[position] = DocumentNameTakenError(
                f"Another of these files is called {name!r} too."
            )
        elif document_id is not None and document_id not in readable:
            problems[position] = DocumentNameTakenError(
                f"The name {name!r} cannot be had in this folder."
            )
        elif document_id is not None and on_conflict is OnConflict.ERROR:
            problems[position] = DocumentNameTakenError(
                f"There is already a document named {name!r} in this folder.",
                document_id=document_id,
            )
        seen.add(name.lower())
    return problems


def _raised(check: Callable[[], None]) -> DomainError | None:
    try:
        check()
    except DomainError as error:
        return error
    return None
