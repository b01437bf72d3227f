"""With whom a cabinet is shared."""

import secrets

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.errors import UserNotFoundError
from backend.access.models import ShareRole
from backend.core.actor import Actor, Role
from backend.core.db import Database, Tenant
from backend.folders.models import Folder, FolderKind
from backend.identity.models import Membership, Organisation, User


async def member(session: AsyncSession, org_id: int, name: str) -> Actor:
    user = User(email=f"{secrets.token_hex(8)}@example.org", name=name, password_hash="-")
    session.add(user)
    await session.flush()
    session.add(Membership(org_id=org_id, user_id=user.id, role=Role.MEMBER))
    await session.flush()
    return Actor(user.id, org_id, Role.MEMBER, name)


async def cabinet(session: AsyncSession, actor: Actor) -> int:
    folder = Folder(
        org_id=actor.org_id,
        kind=FolderKind.CABINET,
        name=secrets.token_hex(8),
        path="0",
        created_by=actor.user_id,
    )
    session.add(folder)
    await session.flush()
    folder.path = str(folder.id)
    await session.flush()
    return folder.id


async def test_sharing_shows_and_unsharing_hides(database: Database, organisation: int) -> None:
    async with database.transaction(Tenant(organisation)) as session:
        zoe, ada = [await member(session, organisation, name) for name in ("Zoe", "ada")]
        folder_id = await cabinet(session, zoe)
        assert await access.visible_keys(session, zoe) == []

        shared = await access.put_member(
            session, zoe, folder_id=folder_id, user_id=zoe.user_id, role=ShareRole.READER
        )
        assert (shared.user.name, shared.role) == ("Zoe", ShareRole.READER)
        assert await access.visible_keys(session, zoe) == [folder_id]
        assert await access.permissions(session, zoe, [folder_id]) == {folder_id: ["read"]}

        changed = await access.put_member(
            session, zoe, folder_id=folder_id, user_id=zoe.user_id, role=ShareRole.EDITOR
        )
        assert changed.role is ShareRole.EDITOR
        assert await access.permissions(session, zoe, [folder_id]) == {
            folder_id: ["read", "write", "delete"]
        }

        await access.put_member(
            session, zoe, folder_id=folder_id, user_id=ada.user_id, role=ShareRole.READER
        )
        listed = await access.list_members(session, folder_id)
        assert [(entry.user.name, entry.role) for entry in listed] == [
            ("ada", ShareRole.READER),
            ("Zoe", ShareRole.EDITOR),
        ]

        for _ in range(2):
            await access.remove_member(session, folder_id=folder_id, user_id=zoe.user_id)
        assert await access.visible_keys(session, zoe) == []
        assert await access.visible_keys(session, ada) == [folder_id]


async def test_only_active_users_of_the_organisation_are_shared_with(
    database: Database, organisation: int
) -> None:
    async with database.transaction() as session:
        elsewhere = Organisation(name="Another")
        session.add(elsewhere)
        await session.flush()
        org_id = elsewhere.id
    async with database.transaction(Tenant(org_id)) as session:
        stranger = await member(session, org_id, "Stranger")
    async with database.transaction(Tenant(organisation)) as session:
        actor = await member(session, organisation, "Ada")
        gone = await member(session, organisation, "Gone")
        await session.execute(
            update(Membership).where(Membership.user_id == gone.user_id).values(is_active=False)
        )
        folder_id = await cabinet(session, actor)
        for user_id in (stranger.user_id, gone.user_id, 2**62):
            with pytest.raises(UserNotFoundError):
                await access.put_member(
                    session, actor, folder_id=folder_id, user_id=user_id, role=ShareRole.READER
                )
        assert await access.list_members(session, folder_id) == []
