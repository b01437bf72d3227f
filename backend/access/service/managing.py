"""Who may manage the access to something, and what they may give: nobody gives what they do not hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import ON_DOCUMENTS, Action
from backend.access.conditions import NO_CONDITION
from backend.access.errors import GrantExceedsError, PrincipalNotFoundError, ReasonMissingError
from backend.access.evaluator import PolicyEvaluator
from backend.access.queries import grants as named
from backend.access.queries import rules as queries
from backend.access.queries.places import cabinets
from backend.access.queries.rules import Place
from backend.access.rules import (
    NOTHING_IN_PARTICULAR,
    Effect,
    Principal,
    PrincipalKind,
    Request,
    Resource,
    Rule,
    Scope,
    Target,
)
from backend.access.schemas import CabinetRef, PrincipalOut
from backend.access.service.context import principal_of
from backend.access.service.deciding import require, require_document
from backend.core.actor import Actor
from backend.core.errors import ForbiddenError, NotFoundError
from backend.core.pagination import decode_cursor, encode_cursor
from backend.identity import service as identity


@dataclass(frozen=True, slots=True)
class Managed:
    """Something whose access the actor may manage."""

    target: Target
    """`tree` or `document`."""
    place: Place


async def managed(
    session: AsyncSession,
    actor: Actor,
    *,
    folder_id: int | None = None,
    document_id: int | None = None,
) -> Managed:
    """Return a folder or document whose access the actor may manage: by right, or as an administrator.

    Administrators may, of anything in the organisation, in the trash or not; that shows them nothing of what it holds.

    Raises:
        NotFoundError: there is none, or the actor may not see it.
        ForbiddenError: the actor may see it but not manage its access.
    """
    if folder_id is not None:
        places, key = await queries.folder_places(session, actor.org_id, [folder_id]), folder_id
        target = Target(Scope.TREE, folder_id)
        if not actor.is_administrator:
            await require(session, actor, Action.ACCESS_MANAGE, folder_id=folder_id)
    else:
        key = document_id or 0
        places = await queries.document_places(session, actor.org_id, [key])
        target = Target(Scope.DOCUMENT, key)
        if not actor.is_administrator:
            await require_document(session, actor, Action.ACCESS_MANAGE, document_id=key)
    if key not in places:
        raise NotFoundError(f"There is no {target}, or you may not see it.")
    return Managed(target, places[key])


async def require_held(
    session: AsyncSession,
    actor: Actor,
    thing: Managed,
    actions: Iterable[Action],
    *,
    principal: Principal | None = None,
    reason: str | None = None,
) -> None:
    """Return if the actor may give these actions on something away.

    Administrators may give what they do not hold; to take it themselves (`principal`), they say why.

    Raises:
        GrantExceedsError: with the `actions` the actor does not hold on it, or not on everything below it.
        ReasonMissingError: an administrator would take access without saying why.
    """
    lacking = await _lacking(session, actor, thing, frozenset(actions))
    if not lacking or (actor.is_administrator and reason is not None):
        return
    if not actor.is_administrator:
        raise GrantExceedsError(
            "You can give, or give back, only what you may do yourself, here and everywhere below.",
            actions=sorted(lacking),
        )
    if principal is not None and await includes(session, actor, principal):
        raise ReasonMissingError(
            "You were not given this yourself. To take it as an administrator, say why: the reason is recorded."
        )


async def _lacking(
    session: AsyncSession, actor: Actor, thing: Managed, actions: frozenset[Action]
) -> set[Action]:
    principal, resource = principal_of(actor), thing.place.resource
    rules = await queries.rules_touching(session, actor.org_id, principal, [resource])
    lacking = {
        action
        for action in actions
        if not (actor.in_scope(action) and holds_throughout(rules, action, resource))
    }
    folder_id = thing.target.folder_id
    if folder_id is None or lacking == actions:
        return lacking
    denied = await queries.denied_below(session, actor.org_id, principal, folder_id)
    return lacking | (actions & denied)


def holds_throughout(rules: Sequence[Rule], action: Action, resource: Resource) -> bool:
    """Tell whether rules allow an action on a document, or on a folder and whatever may be below, come what may.

    Allows that are bound to a condition do not count, and Denies count whatever theirs. Denies that stand below are the
    caller's to look for.
    """
    firm = [rule for rule in rules if rule.effect is Effect.DENY or not rule.condition]
    evaluator = PolicyEvaluator([replace(rule, condition=NO_CONDITION) for rule in firm])
    return all(
        evaluator.decide(Request(action, probe, {})).allowed for probe in _probes(action, resource)
    )


def _probes(action: Action, resource: Resource) -> list[Resource]:
    if resource.document_id is not None:
        return [resource]
    inside = replace(resource, document_id=NOTHING_IN_PARTICULAR)
    below = Resource((*resource.path, NOTHING_IN_PARTICULAR))
    if action in ON_DOCUMENTS:
        return [inside]
    return [resource, below, inside] if action is Action.ACCESS_MANAGE else [resource, below]


async def includes(session: AsyncSession, actor: Actor, principal: Principal) -> bool:
    """Tell whether a principal is the actor, or a group the actor is in."""
    if principal.kind is PrincipalKind.USER:
        return principal.id == actor.user_id
    return principal.id in await identity.group_ids(session, actor.org_id, actor.user_id)


async def list_cabinets(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[list[CabinetRef], str | None]:
    """Return a page of all the organisation's cabinets by name alone, for administrators."""
    after = 0 if cursor is None else decode_cursor(cursor, int)[0]
    rows = await cabinets(session, actor.org_id, after=after, limit=limit + 1)
    page = [CabinetRef(id=row[0], name=row[1]) for row in rows[:limit]]
    return page, encode_cursor(page[-1].id) if len(rows) > limit else None


async def find_principals(
    session: AsyncSession, actor: Actor, words: str, *, limit: int
) -> list[PrincipalOut]:
    """Return the groups and active users whose names or addresses have the words: for who may manage any access.

    Raises:
        ForbiddenError: the actor may manage none.
    """
    if not actor.is_administrator:
        rules = await queries.rules_of(session, actor.org_id, principal_of(actor))
        allowed = [rule for rule in rules if rule.effect is Effect.ALLOW]
        manages = any(Action.ACCESS_MANAGE in rule.actions for rule in allowed)
        if not (manages and actor.in_scope(Action.ACCESS_MANAGE)):
            raise ForbiddenError("There is nothing whose access you may manage.")
    found = await named.find_principals(session, actor.org_id, words.strip(), limit=limit)
    return [
        PrincipalOut(principal=str(principal), name=name, email=email)
        for principal, name, email in found
    ]


async def require_principal(session: AsyncSession, org_id: int, principal: Principal) -> None:
    """Return if the organisation has such an active user, or such a group.

    Raises:
        PrincipalNotFoundError: it has not.
    """
    if principal not in await named.names(session, org_id, [principal], active=True):
        kind = "active user" if principal.kind is PrincipalKind.USER else "group"
        raise PrincipalNotFoundError(f"There is no {kind} {principal.id} in the organisation.")
