"""Rules, and the places of what they speak of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Row,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import Action
from backend.access.conditions import NO_CONDITION, PROPERTY, Attributes, Value, condition_from
from backend.access.models import AccessRule
from backend.access.queries.conditions import family, size
from backend.access.queries.tables import array, documents, folders, in_trash, overlaps, trail
from backend.access.rules import (
    ON_FOLDERS,
    Effect,
    Principal,
    PrincipalKind,
    Resource,
    Rule,
    Target,
)
from backend.identity.models import Group, GroupMember, Membership

_ORG = bindparam("org_id", type_=BigInteger)
_USER = bindparam("user_id", type_=BigInteger)
_GROUP = bindparam("group_id", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a folder or a document stands, and what is known of it."""

    resource: Resource
    is_live: bool
    """Whether neither it nor a folder it stands in is in the trash."""
    attributes: Attributes


def _groups(first: Select[int]) -> Select[int]:
    """Return the groups that `first` selects and those these are in, at any depth; a circle among them does no harm."""
    direct = first.cte(recursive=True)
    outer = select(GroupMember.group_id).join(
        direct, GroupMember.member_group_id == direct.c.group_id
    )
    return select(direct.union(outer).c.group_id)


_COLUMNS = (
    AccessRule.user_id,
    AccessRule.group_id,
    AccessRule.effect,
    AccessRule.actions,
    AccessRule.scope,
    AccessRule.folder_id,
    AccessRule.document_id,
    cast(AccessRule.condition, Text).label("condition"),
    AccessRule.grant_id,
    AccessRule.policy_id,
    AccessRule.statement,
)
# Built once: every request asks these, and building them takes longer than Postgres takes to answer.
_OF_USER = select(*_COLUMNS).where(
    AccessRule.org_id == _ORG,
    or_(
        AccessRule.user_id == _USER,
        AccessRule.group_id.in_(
            _groups(
                select(GroupMember.group_id).where(
                    GroupMember.org_id == _ORG, GroupMember.user_id == _USER
                )
            )
        ),
    ),
)
_OF_GROUP = select(*_COLUMNS).where(
    AccessRule.org_id == _ORG,
    AccessRule.group_id.in_(
        _groups(select(Group.id.label("group_id")).where(Group.org_id == _ORG, Group.id == _GROUP))
    ),
)
_IS_GENERAL = and_(AccessRule.folder_id.is_(None), AccessRule.document_id.is_(None))
_TOUCHES = or_(
    _IS_GENERAL,
    AccessRule.folder_id == any_(bindparam("folder_ids", type_=ARRAY(BigInteger))),
    AccessRule.document_id == any_(bindparam("document_ids", type_=ARRAY(BigInteger))),
)
_OF_USER_TOUCHING = _OF_USER.where(_TOUCHES)
_OF_GROUP_TOUCHING = _OF_GROUP.where(_TOUCHES)
_TOUCHING = select(*_COLUMNS).where(AccessRule.org_id == _ORG, _TOUCHES)

_FOLDERS = select(folders.c.id, trail(folders), ~in_trash(folders)).where(
    folders.c.org_id == _ORG,
    folders.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
)
_property = func.jsonb_each(documents.c.properties).table_valued("key", "value")
_DOCUMENTS = (
    select(
        documents.c.id,
        trail(folders).label("path"),
        and_(~in_trash(folders), documents.c.deleted_at.is_(None)).label("is_live"),
        documents.c.name,
        documents.c.tags,
        select(
            func.jsonb_object_agg(
                _property.c.key,
                documents.c.properties.op("->>", return_type=Text())(_property.c.key),
            )
        )
        .where(func.jsonb_typeof(_property.c.value).in_(["string", "number", "boolean"]))
        .scalar_subquery()
        .label("properties"),
        documents.c.owner_id,
        documents.c.created_at,
        documents.c.updated_at,
        documents.c.deleted_at,
        family(documents).label("family"),
        size(documents).label("size"),
    )
    .join(folders, folders.c.id == documents.c.folder_id)
    .where(
        documents.c.org_id == _ORG,
        documents.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
    )
)


async def rules_of(session: AsyncSession, org_id: int, principal: Principal) -> list[Rule]:
    """Return all the rules of a user or group and of the groups around."""
    statement = _OF_USER if principal.kind is PrincipalKind.USER else _OF_GROUP
    rows = await session.execute(statement, _named(org_id, principal))
    return [_rule(row) for row in rows]


async def rules_touching(
    session: AsyncSession, org_id: int, principal: Principal | None, resources: Iterable[Resource]
) -> list[Rule]:
    """Return those of the principal's rules, or of everybody's, that may cover one of the resources."""
    parameters: dict[str, Any] = {"folder_ids": set(), "document_ids": set()}
    for resource in resources:
        parameters["folder_ids"].update(resource.path)
        if resource.document_id is not None:
            parameters["document_ids"].add(resource.document_id)
    parameters = {name: list(values) for name, values in parameters.items()}
    if principal is None:
        rows = await session.execute(_TOUCHING, {"org_id": org_id, **parameters})
    else:
        is_user = principal.kind is PrincipalKind.USER
        statement = _OF_USER_TOUCHING if is_user else _OF_GROUP_TOUCHING
        rows = await session.execute(statement, {**_named(org_id, principal), **parameters})
    return [_rule(row) for row in rows]


def _named(org_id: int, principal: Principal) -> dict[str, int]:
    name = "user_id" if principal.kind is PrincipalKind.USER else "group_id"
    return {"org_id": org_id, name: principal.id}


def _rule(row: Any) -> Rule:
    target = row.folder_id if row.scope in ON_FOLDERS else row.document_id
    return Rule(
        principal=Principal(PrincipalKind.USER, row.user_id)
        if row.user_id is not None
        else Principal(PrincipalKind.GROUP, row.group_id),
        effect=row.effect,
        actions=frozenset(map(Action, row.actions)),
        target=Target(row.scope, target),
        condition=NO_CONDITION if row.condition is None else condition_from(row.condition),
        grant_id=row.grant_id,
        policy_id=row.policy_id,
        statement=row.statement,
    )


async def folder_places(
    session: AsyncSession, org_id: int, folder_ids: Iterable[int]
) -> dict[int, Place]:
    """Return where those of the folders stand that there are."""
    rows = await session.execute(_FOLDERS, {"org_id": org_id, "ids": list(folder_ids)})
    return {row[0]: Place(Resource(tuple(row[1])), row[2], {}) for row in rows}


async def document_places(
    session: AsyncSession, org_id: int, document_ids: Iterable[int]
) -> dict[int, Place]:
    """Return where those of the documents stand that there are."""
    rows = await session.execute(_DOCUMENTS, {"org_id": org_id, "ids": list(document_ids)})
    return {
        row.id: Place(Resource(tuple(row.path), row.id), row.is_live, _attributes(row))
        for row in rows
    }


def _attributes(row: Row[Any]) -> dict[str, tuple[Value, ...]]:
    """Return what `conditions.DOCUMENT_KEYS` names of a document."""
    properties: Mapping[str, str] = row.properties or {}
    kind = properties.get("type", row.family)
    found: dict[str, tuple[Value, ...]] = {
        f"{PROPERTY}{name}": (text,) for name, text in properties.items()
    }
    found |= {
        "dms:documentType": () if kind is None else (kind,),
        "dms:tag": tuple(row.tags),
        "dms:owner": (str(row.owner_id),),
        "dms:status": ("active" if row.deleted_at is None else "trashed",),
        "dms:name": (row.name,),
        "dms:size": () if row.size is None else (row.size,),
        "dms:createdAt": (row.created_at,),
        "dms:updatedAt": (row.updated_at,),
    }
    if "classification" in properties:
        found["dms:classification"] = (properties["classification"],)
    return found


async def insert_rules(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rules."""
    if rows:
        await session.execute(insert(AccessRule), [dict(row) for row in rows])


async def delete_rules(
    session: AsyncSession, *, grant_id: int | None = None, policy_id: int | None = None
) -> None:
    """Delete the rules that were compiled from a grant, or from a policy."""
    source = AccessRule.policy_id == policy_id
    if grant_id is not None:
        source = AccessRule.grant_id == grant_id
    await session.execute(delete(AccessRule).where(source))


async def members_of(
    session: AsyncSession, org_id: int, group_ids: Iterable[int]
) -> list[tuple[int, int]]:
    """Return (group, active user in it at any depth) for each of the groups."""
    inner = (
        select(Group.id.label("top"), Group.id.label("group_id"))
        .where(Group.org_id == org_id, Group.id == any_(array(group_ids)))
        .cte(recursive=True)
    )
    deeper = select(inner.c.top, GroupMember.member_group_id).join(
        inner, GroupMember.group_id == inner.c.group_id
    )
    every = inner.union(deeper.where(GroupMember.member_group_id.is_not(None)))
    rows = await session.execute(
        select(every.c.top, GroupMember.user_id)
        .join(GroupMember, GroupMember.group_id == every.c.group_id)
        .join(
            Membership,
            and_(
                Membership.user_id == GroupMember.user_id,
                Membership.org_id == GroupMember.org_id,
            ),
        )
        .where(Membership.is_active)
        .distinct()
    )
    return [(row[0], row[1]) for row in rows]


async def steps_up(
    session: AsyncSession, org_id: int, principal: Principal
) -> list[tuple[int | None, int]]:
    """Return (group inside, or None for the principal itself; group around it): each step from a principal upwards."""
    is_user = principal.kind is PrincipalKind.USER
    member = GroupMember.user_id if is_user else GroupMember.member_group_id
    is_first = and_(GroupMember.org_id == org_id, member == principal.id)
    around = _groups(select(GroupMember.group_id).where(is_first))
    rows = await session.execute(
        select(
            case((is_first, None), else_=GroupMember.member_group_id), GroupMember.group_id
        ).where(or_(is_first, GroupMember.member_group_id.in_(around)))
    )
    return [(row[0], row[1]) for row in rows]


_ACTIVE_USERS = select(Membership.user_id, Membership.role).where(
    Membership.org_id == _ORG,
    Membership.is_active,
    Membership.user_id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
)


async def active_users(
    session: AsyncSession, org_id: int, user_ids: Iterable[int]
) -> Sequence[Row[int, str]]:
    """Return (id, role) of those of the users who are active in the organisation."""
    rows = await session.execute(_ACTIVE_USERS, {"org_id": org_id, "ids": list(user_ids)})
    return rows.all()


async def denied_below(
    session: AsyncSession, org_id: int, principal: Principal, folder_id: int
) -> set[Action]:
    """Return the actions that are denied to a principal on something in or below a folder."""
    of = _OF_USER.where(AccessRule.effect == Effect.DENY).subquery()
    folder, document, home = folders.alias(), documents.alias(), folders.alias()
    below = exists().where(
        folder.c.org_id == org_id,
        folder.c.id == of.c.folder_id,
        overlaps(trail(folder), [folder_id]),
    )
    inside = exists().where(
        document.c.org_id == org_id,
        document.c.id == of.c.document_id,
        home.c.id == document.c.folder_id,
        overlaps(trail(home), [folder_id]),
    )
    rows = await session.scalars(
        select(of.c.actions).where(or_(below, inside)), _named(org_id, principal)
    )
    return {Action(name) for names in rows for name in names}
