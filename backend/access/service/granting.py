"""Grants: what one principal is allowed or denied on one folder or document. Changes compile into rules at once."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import ON_DOCUMENTS, Action, expand
from backend.access.errors import GrantNotFoundError, NameInvalidError
from backend.access.models import Grant
from backend.access.queries import grants as queries
from backend.access.queries import rules
from backend.access.roles import ACTIONS_OF, GrantRole
from backend.access.rules import Effect, Principal, PrincipalKind, Scope, Target
from backend.access.schemas import GrantIn, GrantOut, PrincipalOut
from backend.access.service.context import principal_of
from backend.access.service.managing import Managed, require_held, require_principal
from backend.audit import service as audit
from backend.core.actor import Actor
from backend.core.errors import InvalidError


async def list_grants(
    session: AsyncSession, actor: Actor, thing: Managed, *, only: int | None = None
) -> list[GrantOut]:
    """Return the grants on something and those it inherits, by name; `only` one of them."""
    found = await queries.grants_on(
        session,
        actor.org_id,
        folder_ids=thing.place.resource.path,
        document_id=thing.target.document_id,
    )
    names = await queries.names(session, actor.org_id, [row[0].principal for row in found])
    shown = [
        _described(grant, names[grant.principal], resource_name, author, thing)
        for grant, resource_name, author in found
        if only in {None, grant.id}
    ]
    return sorted(
        shown, key=lambda grant: (grant.inherited, grant.principal.name.lower(), grant.id)
    )


async def put_grant(
    session: AsyncSession, actor: Actor, thing: Managed, wanted: GrantIn
) -> GrantOut:
    """Allow or deny a principal something, in place of what was said of the same principal and effect before.

    Raises:
        PrincipalNotFoundError: the organisation has no such active user or group.
        NameInvalidError: an action or the principal is none.
        GrantExceedsError: the actor does not hold what is given away.
        ReasonMissingError: an administrator takes access without saying why.
    """
    principal = Principal.parse(wanted.principal)
    await require_principal(session, actor.org_id, principal)
    actions = actions_named(wanted.role, wanted.actions, thing.target)
    fresh = Grant(
        org_id=actor.org_id,
        folder_id=thing.target.folder_id,
        document_id=thing.target.document_id,
        user_id=principal.id if principal.kind is PrincipalKind.USER else None,
        group_id=principal.id if principal.kind is PrincipalKind.GROUP else None,
        effect=wanted.effect,
        role=wanted.role,
        actions=None if wanted.role else sorted(actions),
        reason=wanted.reason,
        created_by=actor.user_id,
    )
    old = await queries.same_grant(session, fresh)
    given = actions
    if wanted.effect is Effect.DENY:
        # A Deny that is narrowed gives back what it took.
        given = frozenset() if old is None else actions_of(old, thing.target) - actions
    if given:
        await require_held(session, actor, thing, given, principal=principal, reason=wanted.reason)
    before = None if old is None else _facts(old)
    grant_id = await write(session, fresh, actions)
    verb, data = ("created", _facts(fresh)) if before is None else ("updated", {})
    if before is not None:
        data = _changes(before, _facts(fresh))
    await _record(session, actor, f"grant.{verb}", grant_id, data)
    [shown] = await list_grants(session, actor, thing, only=grant_id)
    return shown


async def delete_grant(
    session: AsyncSession, actor: Actor, thing: Managed, grant_id: int, *, reason: str | None = None
) -> None:
    """Take back what was allowed, or what was denied.

    Raises:
        GrantNotFoundError: there is no such grant on this itself.
        GrantExceedsError: it denies what the actor does not hold.
        ReasonMissingError: it denies what an administrator does not hold, who does not say why.
    """
    grant = await queries.grant(session, actor.org_id, grant_id)
    if grant is None or _target(grant) != thing.target:
        raise GrantNotFoundError(f"There is no grant {grant_id} on {thing.target}.")
    if grant.effect is Effect.DENY:
        await require_held(
            session,
            actor,
            thing,
            actions_of(grant, thing.target),
            principal=grant.principal,
            reason=reason,
        )
    facts = _facts(grant) | ({"removed_because": reason} if reason else {})
    await queries.delete_grant(session, grant)
    await _record(session, actor, "grant.deleted", grant_id, facts)


async def grant_creator(session: AsyncSession, actor: Actor, folder_id: int) -> None:
    """Give who creates a cabinet the role of its manager: nobody else sees it yet."""
    grant = Grant(
        org_id=actor.org_id,
        folder_id=folder_id,
        user_id=principal_of(actor).id,
        effect=Effect.ALLOW,
        role=GrantRole.MANAGER,
        created_by=actor.user_id,
    )
    grant_id = await write(session, grant, ACTIONS_OF[GrantRole.MANAGER])
    await _record(session, actor, "grant.created", grant_id, _facts(grant))


async def write(session: AsyncSession, grant: Grant, actions: Collection[Action]) -> int:
    """Write a grant that was checked, and the rule it compiles into; return its id."""
    columns = (
        "org_id",
        "folder_id",
        "document_id",
        "user_id",
        "group_id",
        "effect",
        "role",
        "actions",
        "reason",
        "created_by",
    )
    grant_id = await queries.write_grant(session, {name: getattr(grant, name) for name in columns})
    await rules.delete_rules(session, grant_id=grant_id)
    row = {
        name: getattr(grant, name)
        for name in ("org_id", "user_id", "group_id", "effect", "folder_id", "document_id")
    }
    row |= {
        "actions": sorted(actions),
        "scope": _target(grant).scope,
        "grant_id": grant_id,
    }
    await rules.insert_rules(session, [row])
    return grant_id


def actions_of(grant: Grant, target: Target) -> frozenset[Action]:
    """Return the actions a grant speaks of."""
    return actions_named(grant.role, grant.actions, target)


def actions_named(
    role: GrantRole | None, patterns: Collection[str] | None, target: Target
) -> frozenset[Action]:
    """Return the actions of a role, or those that patterns name; on a document, those a document has."""
    if (role is None) == (patterns is None):
        raise InvalidError("Name a role, or actions.")
    actions = ACTIONS_OF[role] if role is not None else frozenset[Action]()
    for pattern in patterns or ():
        named = expand(pattern)
        if not named:
            raise NameInvalidError(f"No action is named {pattern!r}.")
        actions |= named
    if target.scope is Scope.DOCUMENT:
        actions &= ON_DOCUMENTS | {Action.ACCESS_MANAGE}
    if not actions:
        raise NameInvalidError("A document has none of these actions.")
    return actions


def _target(grant: Grant) -> Target:
    if grant.document_id is not None:
        return Target(Scope.DOCUMENT, grant.document_id)
    return Target(Scope.TREE, grant.folder_id)


def _facts(grant: Grant) -> dict[str, object]:
    """Return what the audit trail says of a grant."""
    facts = {
        "principal": str(grant.principal),
        "resource": str(_target(grant)),
        "effect": str(grant.effect),
        "role": None if grant.role is None else str(grant.role),
        "actions": grant.actions,
        "reason": grant.reason,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _changes(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    same = {name: new[name] for name in ("principal", "resource", "effect")}
    return {
        **same,
        "old": {name: old.get(name) for name in changed},
        "new": {name: new.get(name) for name in changed},
    }


async def _record(
    session: AsyncSession, actor: Actor, action: str, grant_id: int, data: dict[str, object]
) -> None:
    deed = audit.Deed(action, f"grant:{grant_id}", data)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


def _described(
    grant: Grant,
    name: tuple[str, str | None],
    resource_name: str,
    author: str,
    thing: Managed,
) -> GrantOut:
    target = _target(grant)
    return GrantOut(
        id=grant.id,
        principal=PrincipalOut(principal=str(grant.principal), name=name[0], email=name[1]),
        effect=grant.effect,
        role=grant.role,
        actions=sorted(actions_of(grant, target)),
        resource=str(target),
        resource_name=resource_name,
        inherited=target != thing.target,
        reason=grant.reason,
        created_at=grant.created_at,
        created_by=author,
    )
