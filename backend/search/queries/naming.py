"""SQL of whom and which places a query names."""

from collections.abc import Collection, Sequence

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend.folders.models import Folder
from backend.identity.models import Membership, User
from backend.search.queries.values import as_array


async def folders_below(
    session: AsyncSession, places: Collection[int], folder_ids: Sequence[int]
) -> list[int]:
    """Return those of the places that are one of the folders or stand below one."""
    top = aliased(Folder)
    is_below = exists().where(top.id.in_(folder_ids), Folder.path.bool_op("<@")(top.path))
    rows = await session.scalars(
        select(Folder.id).where(Folder.id == func.any(as_array(places)), is_below)
    )
    return list(rows)


async def folders_named(
    session: AsyncSession, places: Collection[int], names: Sequence[str]
) -> list[int]:
    """Return those of the folders that have one of the names, or one of them as their id."""
    named = [func.lower(Folder.name) == func.lower(name) for name in names]
    numbered = Folder.id.in_([int(name) for name in names if _is_id(name)])
    rows = await session.scalars(
        select(Folder.id).where(Folder.id == func.any(as_array(places)), or_(numbered, *named))
    )
    return list(rows)


async def users_named(session: AsyncSession, org_id: int, names: Sequence[str]) -> list[int]:
    """Return the users of an organisation by e-mail address, id, or words of their names."""
    matches = [
        or_(func.lower(User.email) == func.lower(name), User.name.icontains(name, autoescape=True))
        for name in names
    ]
    numbered = User.id.in_([int(name) for name in names if _is_id(name)])
    rows = await session.scalars(
        select(User.id)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, or_(numbered, *matches))
    )
    return list(rows)


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 18
