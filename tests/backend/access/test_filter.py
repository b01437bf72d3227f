"""The filter in all its forms against a brute-force oracle, over random trees, trash and shares."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import REQUIRED, Action
from backend.access.models import CabinetMember, ShareRole
from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.db import Database, Tenant, set_tenant
from backend.core.errors import ForbiddenError, NotFoundError
from backend.folders.models import Folder, FolderKind
from backend.identity.models import Membership, Organisation, User

MEMBERS = 3
"""Of each organisation, beside an administrator; the last of them is deactivated."""

_numbers = count()


@dataclass
class Node:
    """A folder as the test knows it; `parent` is a place in the list of nodes."""

    parent: int | None
    trashed: bool
    id: int = 0
    path: str = ""


@dataclass
class World:
    """One organisation: its tree, and with whom which cabinets are shared."""

    nodes: list[Node]
    shares: dict[tuple[int, int], ShareRole]
    org_id: int = 0
    actors: list[Actor] = field(default_factory=list)

    def trail(self, place: int) -> list[int]:
        parent = self.nodes[place].parent
        return [place] if parent is None else [*self.trail(parent), place]

    def is_live(self, place: int) -> bool:
        return not any(self.nodes[step].trashed for step in self.trail(place))

    def expected(self, who: int, place: int) -> list[str]:
        """Return the rights of an actor on a folder, live or not; actor 0 administers."""
        if who == 0:
            return ["read", "write", "delete", "manage"]
        role = self.shares.get((who, self.trail(place)[0]))
        if role is None:
            return []
        return ["read"] if role is ShareRole.READER else ["read", "write", "delete"]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    nodes: list[Node] = []
    for place in range(draw(st.integers(0, 14))):
        parent = draw(st.none() | st.integers(0, place - 1)) if place else None
        nodes.append(Node(parent, draw(st.sampled_from([False, False, False, True]))))
    cabinets = [place for place, node in enumerate(nodes) if node.parent is None]
    pairs = [(who, place) for who in range(1, MEMBERS + 1) for place in cabinets]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return World(nodes, {pair: draw(st.sampled_from(ShareRole)) for pair in chosen})


async def build(session: AsyncSession, world: World, users: Sequence[User]) -> None:
    """Write a world down. The same users belong to every organisation; each is somebody else there."""
    organisation = Organisation(name="Random")
    session.add(organisation)
    await session.flush()
    world.org_id = organisation.id
    await set_tenant(session, Tenant(world.org_id))
    for who, user in enumerate(users):
        role = Role.MEMBER if who else Role.ADMINISTRATOR
        session.add(
            Membership(org_id=world.org_id, user_id=user.id, role=role, is_active=who != MEMBERS)
        )
        world.actors.append(Actor(user.id, world.org_id, role, user.name))
    for node in world.nodes:
        parent = None if node.parent is None else world.nodes[node.parent]
        folder = Folder(
            org_id=world.org_id,
            parent_id=parent.id if parent else None,
            kind=FolderKind.FOLDER if parent else FolderKind.CABINET,
            name=str(next(_numbers)),
            path="0",
            created_by=users[0].id,
            deleted_at=now() if node.trashed else None,
        )
        session.add(folder)
        await session.flush()
        node.id = folder.id
        node.path = folder.path = f"{parent.path}.{folder.id}" if parent else str(folder.id)
    for (who, place), role in world.shares.items():
        session.add(
            CabinetMember(
                org_id=world.org_id,
                folder_id=world.nodes[place].id,
                user_id=users[who].id,
                role=role,
            )
        )
    await session.flush()


async def create_users(session: AsyncSession) -> list[User]:
    users = [
        User(
            email=f"filter-{next(_numbers)}-{id(session)}@example.org", name="U", password_hash="-"
        )
        for _ in range(MEMBERS + 1)
    ]
    session.add_all(users)
    await session.flush()
    return users


async def check_sets(session: AsyncSession, world: World, who: int) -> None:
    actor = world.actors[who]
    places = range(len(world.nodes))
    for include_trashed in (False, True):
        expected = {
            world.nodes[place].id: rights
            for place in places
            if (rights := world.expected(who, place)) and (include_trashed or world.is_live(place))
        }
        visible = access.visible_folders(actor, include_trashed=include_trashed)
        assert sorted(await session.scalars(visible)) == sorted(expected)
        by_row = select(Folder.id).where(
            access.is_visible(actor, Folder.id, include_trashed=include_trashed)
        )
        assert sorted(await session.scalars(by_row)) == sorted(expected)
        assert (
            await access.permissions(
                session,
                actor,
                [node.id for node in world.nodes],
                include_trashed=include_trashed,
            )
            == expected
        )
        if not include_trashed:
            assert sorted(await access.visible_keys(session, actor)) == sorted(expected)


async def check_one(session: AsyncSession, world: World, who: int, place: int) -> None:
    node, actor = world.nodes[place], world.actors[who]
    rights = world.expected(who, place)
    for action in Action:
        for include_trashed in (False, True):
            asked = access.require(
                session, actor, action, folder_id=node.id, include_trashed=include_trashed
            )
            if not rights or not (include_trashed or world.is_live(place)):
                with pytest.raises(NotFoundError):
                    await asked
            elif REQUIRED[action] not in rights:
                with pytest.raises(ForbiddenError):
                    await asked
            else:
                await asked
    audience = await access.audience(session, org_id=world.org_id, folder_id=node.id)
    active = [world.actors[0], *(world.actors[who] for who in range(1, MEMBERS))]
    assert audience == sorted(
        actor.user_id for who, actor in enumerate(active) if world.expected(who, place)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), neighbour=worlds(), data=st.data())
async def test_every_form_of_the_filter_says_what_the_oracle_says(
    database: Database, world: World, neighbour: World, data: st.DataObject
) -> None:
    async with database.transaction() as session:
        users = await create_users(session)
        await build(session, neighbour, users)
        await build(session, world, users)
        for who in range(MEMBERS + 1):
            await check_sets(session, world, who)
        if world.nodes:
            place = data.draw(st.integers(0, len(world.nodes) - 1))
            await check_one(session, world, data.draw(st.integers(0, MEMBERS)), place)
        for node in neighbour.nodes:
            assert await access.audience(session, org_id=world.org_id, folder_id=node.id) == []
        await session.rollback()


async def test_the_filter_joins_other_statements(database: Database, organisation: int) -> None:
    """Twice in one statement, and beside the same table, it stays itself."""
    world = World([Node(None, trashed=False), Node(0, trashed=True), Node(0, trashed=False)], {})
    async with database.transaction() as session:
        await build(session, world, await create_users(session))
        actor = world.actors[0]
        statement = select(Folder.id).where(
            Folder.id.in_(access.visible_folders(actor)),
            Folder.id.in_(access.visible_folders(actor, include_trashed=True)),
            access.is_visible(actor, Folder.id),
            access.is_visible(actor, Folder.parent_id),
        )
        assert list(await session.scalars(statement)) == [world.nodes[2].id]
        await session.rollback()
