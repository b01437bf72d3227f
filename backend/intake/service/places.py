"""Folders as sources and trials name them: to those who may see them."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.folders import service as folders
from backend.intake.schemas import FolderPlace


async def folder_places(
    session: AsyncSession, actor: Actor, folder_ids: Collection[int | None]
) -> dict[int, FolderPlace]:
    """Return those of the folders that the actor may see, with the way to them."""
    asked = [one for one in set(folder_ids) if one is not None]
    if not asked:
        return {}
    visible = await folders.visible_names(session, actor, asked)
    trails = await folders.ancestors_of(session, list(visible))
    return {
        folder_id: FolderPlace(
            id=folder_id, name=name, path="/".join(step.name for step in trails[folder_id])
        )
        for folder_id, name in visible.items()
    }
