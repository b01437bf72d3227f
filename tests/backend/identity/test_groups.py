"""Which groups a user is in."""

from sqlalchemy import insert

from backend.core.db import Database, Tenant
from backend.identity import service
from backend.identity.models import Group, GroupMember
from tests.support.api import Api


async def test_groups_of_groups_count_and_a_circle_ends(database: Database, admin: Api) -> None:
    async with database.transaction(Tenant(admin.org_id)) as session:
        inner, outer, around, other = (
            Group(org_id=admin.org_id, name=name) for name in ("inner", "outer", "around", "other")
        )
        session.add_all([inner, outer, around, other])
        await session.flush()
        nested = [(inner, outer), (outer, around), (around, inner)]
        session.add(GroupMember(org_id=admin.org_id, group_id=inner.id, user_id=admin.user_id))
        await session.execute(
            insert(GroupMember),
            [
                {"org_id": admin.org_id, "group_id": group.id, "member_group_id": member.id}
                for member, group in nested
            ],
        )
        await session.flush()
        found = await service.group_ids(session, admin.org_id, admin.user_id)
        assert sorted(found) == [inner.id, outer.id, around.id]
