"""Decision, filter and oracle held to each other, over random trees, groups, policies, conditions and grants.

The oracle is written from the definition in docs/adr/0015-access.md and shares nothing with the code: it walks lists.
Few worlds by default; `DMS_ACCESS_CASES=10000` makes it as many.
"""

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access import service as access
from backend.access.actions import DOCUMENT_PERMISSIONS, FOLDER_PERMISSIONS, Action
from backend.access.models import Grant
from backend.access.roles import ACTIONS_OF, GrantRole
from backend.access.rules import Effect, Principal
from backend.access.schemas import PolicyIn
from backend.access.service import granting, policies
from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.db import Database, Tenant, set_tenant
from backend.core.errors import ForbiddenError, NotFoundError
from backend.core.origin import bind_caller
from backend.documents import service as documents
from backend.documents.models import Blob, Document, ScanStatus, Version
from backend.documents.service import reading
from backend.folders import service as folders
from backend.folders.models import Folder, FolderKind
from backend.identity.models import Group, GroupMember, Membership, Organisation, User
from backend.search import service as search

CASES = int(os.environ.get("DMS_ACCESS_CASES", "20"))
USERS, GROUPS, ADDRESS = 3, 3, "10.1.2.3"
START = datetime(2026, 1, 1, tzinfo=UTC)
TAGS, TYPES = ("red", "blue", "r%d"), ("contract", "image", "in_oice")

_numbers = count()


@dataclass
class Thing:
    """A folder, or a document where `is_document`; `parent` is a place in the list of folders."""

    parent: int | None
    trashed: bool
    is_document: bool = False
    tags: tuple[str, ...] = ()
    kind: str | None = None
    owner: int = 0
    size: int = 1
    id: int = 0
    path: str = ""


@dataclass
class Said:
    """A statement, as the test knows it: places for ids until the world is written down."""

    who: tuple[str, int]
    effect: str
    actions: tuple[str, ...]
    target: tuple[str, int]
    condition: dict[str, dict[str, Any]] | None = None
    is_grant: bool = False
    role: str | None = None


@dataclass
class World:
    folders: list[Thing]
    documents: list[Thing]
    groups: list[list[tuple[str, int]]]
    said: list[Said]
    org_id: int = 0
    actors: list[Actor] = field(default_factory=list)
    group_ids: list[int] = field(default_factory=list)

    def trail(self, place: int | None) -> Iterator[int]:
        while place is not None:
            yield place
            place = self.folders[place].parent

    def is_live(self, thing: Thing, place: int) -> bool:
        above = self.trail(thing.parent if thing.is_document else place)
        return not (thing.trashed or any(self.folders[one].trashed for one in above))

    def is_in(self, user: int, group: int, seen: frozenset[int] = frozenset()) -> bool:
        if group in seen:
            return False
        return any(
            one == user if kind == "user" else self.is_in(user, one, seen | {group})
            for kind, one in self.groups[group]
        )

    def concerns(self, said: Said, user: int) -> bool:
        kind, one = said.who
        return one == user if kind == "user" else self.is_in(user, one)


# The oracle: what the definition says, thing by thing and statement by statement.


def covers(world: World, said: Said, thing: Thing, place: int) -> bool:
    kind, one = said.target
    folder = thing.parent if thing.is_document else place
    above = list(world.trail(folder))
    return {
        "everything": True,
        "folders": not thing.is_document,
        "documents": thing.is_document,
        "document": thing.is_document and place == one,
        "folder": not thing.is_document and place == one,
        "below": one in (above if thing.is_document else above[1:]),
        "tree": one in above,
    }[kind]


def one_holds(
    world: World, operator: str, key: str, wanted: list[Any], thing: Thing, user: int
) -> bool:
    values: list[Any] = {
        "dms:tag": list(thing.tags),
        "dms:documentType": [thing.kind or "pdf"],
        "dms:owner": [str(world.actors[thing.owner].user_id)],
        "dms:size": [thing.size],
        "dms:status": ["trashed" if thing.trashed else "active"],
    }.get(key, [])
    if not thing.is_document:
        values = []
    values = {"dms:sourceIp": ["10.1."], "dms:userId": [str(world.actors[user].user_id)]}.get(
        key, values
    )
    wanted = [str(world.actors[user].user_id) if one == "${user.id}" else one for one in wanted]
    if operator == "Null":
        return (not values) == (wanted == ["true"])
    quantifier, _, name = operator.rpartition(":")
    if name.endswith("IfExists") and not values:
        return True
    name = name.removesuffix("IfExists")
    negated = "Not" in name

    def matches(value: Any) -> bool:
        if "Like" in name:
            return any(fnmatch.fnmatchcase(value, one) for one in wanted)
        if "Less" in name:
            return any(value < one for one in wanted)
        if "IpAddress" in name:
            return any(one.startswith(value) for one in wanted)
        return value in wanted

    if quantifier == "ForAnyValue":
        return any(matches(value) != negated for value in values)
    if quantifier == "ForAllValues":
        return all(matches(value) != negated for value in values)
    return any(map(matches, values)) != negated


def oracle(world: World, user: int, action: str, thing: Thing, place: int) -> bool:
    effects = {
        said.effect
        for said in world.said
        if world.concerns(said, user)
        if any(fnmatch.fnmatchcase(action, pattern) for pattern in said.actions)
        if covers(world, said, thing, place)
        if all(
            one_holds(world, operator, key, values, thing, user)
            for operator, keys in (said.condition or {}).items()
            for key, values in keys.items()
        )
    }
    return effects == {"allow"}


def named(world: World, user: int, place: int) -> bool:
    """Tell whether a folder is seen: it may be listed, or something in or below it is readable."""
    folder = world.folders[place]
    if not world.is_live(folder, place):
        return False
    if oracle(world, user, "dms:folder:List", folder, place) or any_document(world, user, place):
        return True
    below = [key for key, one in enumerate(world.folders) if one.parent == place]
    return any(named(world, user, key) for key in below)


def any_document(world: World, user: int, place: int) -> bool:
    """Tell whether documents of a folder are readable: some that there are, or any there might be."""
    inside = [(key, one) for key, one in enumerate(world.documents) if one.parent == place]
    if any(
        world.is_live(one, key) and oracle(world, user, "dms:document:Read", one, key)
        for key, one in inside
    ):
        return True
    # Of one that is not there nothing is known: conditions about it decide nothing.
    might = Thing(place, trashed=False, is_document=True)
    plain = [
        said
        for said in world.said
        if not any(key not in CONTEXT for keys in (said.condition or {}).values() for key in keys)
    ]
    unread = World(world.folders, world.documents, world.groups, plain, actors=world.actors)
    return oracle(unread, user, "dms:document:Read", might, -1)


CONTEXT = {"dms:sourceIp", "dms:userId"}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    some_tags = st.lists(st.sampled_from([*TAGS, "r*", "?lue"]), min_size=1, max_size=2)
    some_types = st.lists(st.sampled_from([*TYPES, "pdf"]), min_size=1, max_size=2)
    text = st.sampled_from(["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"])
    every = st.sampled_from(["", "ForAnyValue:", "ForAllValues:"])
    exists = st.sampled_from(["", "IfExists"])
    name = lambda: draw(every) + draw(text) + draw(exists)  # noqa: E731
    choices: list[Any] = [
        lambda: {name(): {"dms:tag": draw(some_tags)}},
        lambda: {name(): {"dms:documentType": draw(some_types)}},
        lambda: {draw(text): {"dms:owner": ["${user.id}"]}},
        lambda: {draw(text): {"dms:userId": ["${user.id}"]}},
        lambda: {"NumericLessThan" + draw(exists): {"dms:size": [draw(st.integers(0, 3))]}},
        lambda: {
            "Null": {
                draw(st.sampled_from(["dms:tag", "dms:size"])): [
                    draw(st.sampled_from(["true", "false"]))
                ]
            }
        },
        lambda: {
            draw(st.sampled_from(["IpAddress", "NotIpAddress"])): {
                "dms:sourceIp": [draw(st.sampled_from(["10.1.0.0/16", "192.0.2.0/24"]))]
            }
        },
        lambda: {"StringEquals": {"dms:status": [draw(st.sampled_from(["active", "trashed"]))]}},
    ]
    found: dict[str, dict[str, Any]] = {}
    for _ in range(draw(st.integers(1, 2))):
        for operator, keys in draw(st.sampled_from(choices))().items():
            found.setdefault(operator, {}).update(keys)
    return found


@st.composite
def worlds(draw: st.DrawFn) -> World:
    trashed = st.sampled_from([False] * 5 + [True])
    tree = [
        Thing(draw(st.none() | st.integers(0, place - 1)) if place else None, draw(trashed))
        for place in range(draw(st.integers(1, 9)))
    ]
    papers = [
        Thing(
            draw(st.integers(0, len(tree) - 1)),
            draw(trashed),
            is_document=True,
            tags=tuple(draw(st.sets(st.sampled_from(TAGS), max_size=2))),
            kind=draw(st.none() | st.sampled_from(TYPES)),
            owner=draw(st.integers(0, USERS - 1)),
            size=draw(st.integers(0, 3)),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
    someone = st.tuples(st.just("user"), st.integers(0, USERS - 1))
    some_group = st.tuples(st.just("group"), st.integers(0, GROUPS - 1))
    groups = [
        [
            one
            for one in draw(st.lists(someone | some_group, max_size=3, unique=True))
            if one != ("group", own)
        ]
        for own in range(GROUPS)
    ]
    actions = [
        "dms:document:Read",
        "dms:folder:List",
        "dms:*:Update",
        "dms:document:*",
        "*",
        "dms:folder:?ist",
    ]
    targets = [st.tuples(st.sampled_from(["everything", "folders", "documents"]), st.just(-1))]
    targets += [st.tuples(st.sampled_from(["folder", "below"]), st.integers(0, len(tree) - 1))] * 3
    if papers:
        targets.append(st.tuples(st.just("document"), st.integers(0, len(papers) - 1)))
    places = [st.tuples(st.just("tree"), st.integers(0, len(tree) - 1))] * 3 + targets[4:]
    effects = st.sampled_from(["allow", "allow", "deny"])
    said = []
    for _ in range(draw(st.integers(0, 6))):
        who, effect = draw(someone | some_group), draw(effects)
        if draw(st.booleans()):
            role = draw(st.sampled_from(GrantRole))
            target = draw(st.one_of(*places))
            said.append(
                Said(who, effect, tuple(ACTIONS_OF[role]), target, None, is_grant=True, role=role)
            )
        else:
            some = tuple(
                draw(st.lists(st.sampled_from(actions), min_size=1, max_size=2, unique=True))
            )
            condition = draw(st.none() | conditions())
            said.append(Said(who, effect, some, draw(st.one_of(*targets)), condition))
    # Of the same principal, effect and resource there is one grant: the last.
    last = {(one.who, one.effect, one.target): one for one in said if one.is_grant}
    said = [one for one in said if not one.is_grant or last[one.who, one.effect, one.target] is one]
    return World(tree, papers, groups, said)


async def build(session: AsyncSession, world: World) -> None:
    organisation = Organisation(name="Random")
    session.add(organisation)
    await session.flush()
    world.org_id = organisation.id
    await set_tenant(session, Tenant(world.org_id))
    for _ in range(USERS):
        user = User(
            email=f"agree-{next(_numbers)}-{world.org_id}@example.org", name="U", password_hash="-"
        )
        session.add(user)
        await session.flush()
        session.add(Membership(org_id=world.org_id, user_id=user.id, role=Role.MEMBER))
        world.actors.append(Actor(user.id, world.org_id, Role.MEMBER, "U"))
    groups = [Group(org_id=world.org_id, name=str(key)) for key in range(GROUPS)]
    session.add_all(groups)
    await session.flush()
    world.group_ids = [group.id for group in groups]
    for key, members in enumerate(world.groups):
        for kind, one in members:
            is_user = kind == "user"
            session.add(
                GroupMember(
                    org_id=world.org_id,
                    group_id=world.group_ids[key],
                    user_id=world.actors[one].user_id if is_user else None,
                    member_group_id=None if is_user else world.group_ids[one],
                )
            )
    await session.flush()
    for thing in world.folders:
        await build_folder(session, world, thing)
    for thing in world.documents:
        await build_document(session, world, thing)
    for said in world.said:
        await say(session, world, said)
    session.expunge_all()


async def build_folder(session: AsyncSession, world: World, thing: Thing) -> None:
    parent = None if thing.parent is None else world.folders[thing.parent]
    folder = Folder(
        org_id=world.org_id,
        parent_id=parent.id if parent else None,
        kind=FolderKind.FOLDER if parent else FolderKind.CABINET,
        name=str(next(_numbers)),
        path="0",
        created_by=world.actors[0].user_id,
        deleted_at=now() if thing.trashed else None,
        deleted_by=world.actors[0].user_id if thing.trashed else None,
    )
    session.add(folder)
    await session.flush()
    thing.id = folder.id
    thing.path = folder.path = f"{parent.path}.{folder.id}" if parent else str(folder.id)
    await session.flush()


async def build_document(session: AsyncSession, world: World, thing: Thing) -> None:
    assert thing.parent is not None
    document = Document(
        org_id=world.org_id,
        folder_id=world.folders[thing.parent].id,
        name=f"{next(_numbers)}.pdf",
        tags=list(thing.tags),
        properties={"type": thing.kind} if thing.kind else {},
        owner_id=world.actors[thing.owner].user_id,
        created_at=START + timedelta(minutes=next(_numbers)),
        deleted_at=now() if thing.trashed else None,
        deleted_by=world.actors[0].user_id if thing.trashed else None,
    )
    blob = Blob(
        org_id=world.org_id,
        digest=next(_numbers).to_bytes(32, "big"),
        size=thing.size,
        stored_size=1,
    )
    session.add_all([document, blob])
    await session.flush()
    version = Version(
        org_id=world.org_id,
        document_id=document.id,
        number=1,
        blob_id=blob.id,
        media_type="application/pdf",
        scan_status=ScanStatus.CLEAN,
        created_by=world.actors[0].user_id,
    )
    session.add(version)
    await session.flush()
    document.current_version_id = version.id
    await session.flush()
    thing.id = document.id


async def say(session: AsyncSession, world: World, said: Said) -> None:
    admin = Actor(world.actors[0].user_id, world.org_id, Role.ADMINISTRATOR, "A")
    kind, one = said.who
    number = world.actors[one].user_id if kind == "user" else world.group_ids[one]
    scope, place = said.target
    things = world.documents if scope == "document" else world.folders
    target = things[place].id if place >= 0 else 0
    if said.is_grant:
        grant = Grant(
            org_id=world.org_id,
            user_id=number if kind == "user" else None,
            group_id=number if kind == "group" else None,
            folder_id=target if scope == "tree" else None,
            document_id=target if scope == "document" else None,
            effect=Effect(said.effect),
            role=said.role,
            created_by=admin.user_id,
        )
        await granting.write(session, grant, ACTIONS_OF[GrantRole(str(said.role))])
        return
    written = {
        "everything": "*",
        "folders": "dms:folder:*",
        "documents": "dms:document:*",
        "folder": f"dms:folder:{target}",
        "below": f"dms:folder:{target}/*",
        "document": f"dms:document:{target}",
    }
    statement: dict[str, Any] = {
        "Effect": said.effect.capitalize(),
        "Action": list(said.actions),
        "Resource": written[scope],
    }
    if said.condition:
        statement["Condition"] = said.condition
    document = {"Version": "1", "Statement": [statement]}
    made = await policies.create_policy(
        session, admin, PolicyIn(name=f"P{next(_numbers)}", document=document)
    )
    principal = Principal.parse(f"{kind}:{number}")
    await policies.attach(session, admin, made.id, principal, reason="test")


async def check_folders(session: AsyncSession, world: World, user: int) -> None:
    actor = world.actors[user]
    seen = await access.view(session, actor)
    live = {}
    for place, thing in enumerate(world.folders):
        live[place] = world.is_live(thing, place)
        for action in Action:
            expected = oracle(world, user, action, thing, place)
            assert await may(access.require(session, actor, action, folder_id=thing.id)) == (
                expected and live[place]
            ), (action, place)
        path = folders.ids(thing.path)
        assert seen.permissions(path) == [
            name
            for name, action in FOLDER_PERMISSIONS.items()
            if oracle(world, user, action, thing, place)
        ]
        shown = await may(folders.get_folder(session, actor, thing.id))
        assert shown == named(world, user, place), place
    listed = {
        place
        for place, thing in enumerate(world.folders)
        if oracle(world, user, "dms:folder:List", thing, place)
    }
    for include_trashed in (False, True):
        ids = await session.scalars(seen.folders(include_trashed=include_trashed))
        expected_ids = [world.folders[key].id for key in listed if include_trashed or live[key]]
        assert sorted(ids) == sorted(expected_ids)
    for parent in (None, *range(len(world.folders))):
        if parent is not None and not named(world, user, parent):
            continue
        row = None if parent is None else await session.get_one(Folder, world.folders[parent].id)
        items, _ = await folders.list_children(session, actor, row, cursor=None, limit=50)
        below = [key for key, one in enumerate(world.folders) if one.parent == parent]
        children = {world.folders[key].id: key for key in below if named(world, user, key)}
        assert sorted(item.id for item in items) == sorted(children)
        for item in items:
            check_counts(
                world, user, children[item.id], item.child_folder_count, item.document_count
            )


def check_counts(world: World, user: int, place: int, child_folders: int, papers: int) -> None:
    below = [key for key, one in enumerate(world.folders) if one.parent == place]
    assert child_folders == sum(named(world, user, key) for key in below)
    inside = [(key, one) for key, one in enumerate(world.documents) if one.parent == place]
    readable = [
        world.is_live(one, key) and oracle(world, user, "dms:document:Read", one, key)
        for key, one in inside
    ]
    assert papers == sum(readable)


async def check_documents(session: AsyncSession, world: World, user: int) -> None:
    actor = world.actors[user]
    every = [thing.id for thing in world.documents]
    permissions = await access.document_permissions(session, actor, every)
    readable, trashed = set(), set()
    hears: dict[access.Subject, bool] = {}
    for place, thing in enumerate(world.documents):
        live = world.is_live(thing, place)
        allowed = {action: oracle(world, user, action, thing, place) for action in Action}
        for action in Action:
            asked = access.require_document(session, actor, action, document_id=thing.id)
            assert await may(asked) == (allowed[action] and live), (action, place)
        assert permissions[thing.id] == [
            name for name, action in DOCUMENT_PERMISSIONS.items() if allowed[action]
        ]
        if allowed[Action.DOCUMENT_READ]:
            trashed.add(thing.id)
            if live:
                readable.add(thing.id)
        hears[access.Subject(world.folders[thing.parent or 0].id, thing.id)] = allowed[
            Action.DOCUMENT_READ
        ]
    if not any(said.condition and "dms:sourceIp" in str(said.condition) for said in world.said):
        heard = await access.audiences(session, world.org_id, hears)
        assert {one: actor.user_id in users for one, users in heard.items()} == hears
    assert await access.readable_ids(session, actor, every) == readable
    seen = await access.view(session, actor)
    assert await seen.document_permissions(session, every) == permissions
    for include_trashed, expected in ((False, readable), (True, trashed)):
        condition = seen.documents(Document.id, Document.folder_id, include_trashed=include_trashed)
        statement = select(Document.id).where(condition)
        if not include_trashed:
            statement = statement.where(Document.deleted_at.is_(None))
        assert set(await session.scalars(statement)) == expected
    recent, _ = await documents.list_recent(session, actor, cursor=None, limit=50)
    assert {item.id for item in recent} == readable
    # Found among the newest there are, in few folders, and on the way back through all.
    for look, few in ((reading.FIRST_LOOK, 0), (0, reading.FEW_FOLDERS), (0, 0)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reading, "FIRST_LOOK", look)
            patch.setattr(reading, "FEW_FOLDERS", few)
            assert await paged(session, actor) == [item.id for item in recent]
    await check_search(session, world, actor, readable)


async def paged(session: AsyncSession, actor: Actor) -> list[int]:
    """Return the recent documents by pages of one."""
    page, cursor = await documents.list_recent(session, actor, cursor=None, limit=1)
    found = [item.id for item in page]
    while cursor is not None:
        page, cursor = await documents.list_recent(session, actor, cursor=cursor, limit=1)
        found += [item.id for item in page]
    return found


async def check_search(
    session: AsyncSession, world: World, actor: Actor, readable: set[int]
) -> None:
    found = await search.search(session, actor, search.SearchQuery(limit=50))
    assert {item.document.id for item in found.items} == readable
    assert found.total == len(readable)
    assert sum(facet.count for facet in found.facets.type) == len(readable)
    tags = [tag for thing in world.documents if thing.id in readable for tag in thing.tags]
    assert {facet.value: facet.count for facet in found.facets.tag} == {
        tag: tags.count(tag) for tag in set(tags)
    }
    for thing in world.folders:
        inside = await search.search(session, actor, search.SearchQuery(folder_id=thing.id))
        below = {
            one.id
            for one in world.documents
            if one.id in readable
            and world.folders[one.parent or 0].path.startswith(thing.path)
            and thing.id in folders.ids(world.folders[one.parent or 0].path)
        }
        assert {item.document.id for item in inside.items} == below


async def may(asked: Any) -> bool:
    try:
        await asked
    except (ForbiddenError, NotFoundError):
        return False
    return True


@pytest.mark.timeout(300 + 5 * CASES)
@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to make an example smaller takes longer than to read it
)
@given(world=worlds(), user=st.integers(0, USERS - 1))
async def test_decision_filter_and_oracle_agree(
    database: Database, world: World, user: int
) -> None:
    bind_caller(ADDRESS)
    async with database.transaction() as session:
        await build(session, world)
        await check_folders(session, world, user)
        await check_documents(session, world, user)
        await session.rollback()
