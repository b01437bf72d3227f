"""Why: whether a principal may do something, the rule that decided it, and where it stands; who else may."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import ON_DOCUMENTS, Action
from backend.access.conditions import Attributes
from backend.access.errors import NameInvalidError
from backend.access.evaluator import Decision
from backend.access.queries import rules as queries
from backend.access.queries.places import resource_names
from backend.access.queries.rules import Place
from backend.access.rules import (
    NOTHING_IN_PARTICULAR,
    Principal,
    PrincipalKind,
    Request,
    Scope,
    Target,
)
from backend.access.schemas import (
    CabinetRef,
    EffectiveAction,
    EffectiveOut,
    ExplanationOut,
    PermittedOut,
    ResourceOut,
    WhoCanOut,
)
from backend.access.service.context import assumed_context, context_of, principal_of
from backend.access.service.deciding import ROOT, Relevant, require, require_document
from backend.access.service.describing import describe_rules, ways_to
from backend.access.service.managing import managed, require_principal
from backend.access.service.policies import principals_out
from backend.access.service.telling import who_may
from backend.core.actor import Actor, Role
from backend.core.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class _Asked:
    place: Place
    is_document: bool
    is_root: bool = False


async def explain(
    session: AsyncSession, actor: Actor, *, principal: str, action: str, resource: str
) -> ExplanationOut:
    """Return whether a principal may do something, and all the rules that speak of it.

    Of others it is told to who may manage the resource; of oneself, to who may see it.

    Raises:
        NameInvalidError: principal, action or resource is none.
        NotFoundError, ForbiddenError: the actor may not see the resource, or not manage it.
    """
    who = Principal.parse(principal)
    wanted = action_named(action)
    asked = await _asked(session, actor, resource, about=who)
    await require_principal(session, actor.org_id, who)
    rules = await queries.rules_touching(session, actor.org_id, who, [asked.place.resource])
    context = await context_for(session, actor, who)
    request = Request(wanted, asked.place.resource, {**context, **asked.place.attributes})
    evaluator = Relevant(rules).evaluator(request.resource)
    decision, matched = evaluator.decide(request), evaluator.matching(request)
    every = [*matched, *evaluator.unmet(request)]
    described = await describe_rules(session, actor, every)
    shown = described[: len(matched)]
    return ExplanationOut(
        allowed=decision.allowed,
        reason=_reason(decision),
        decided_by=None if decision.rule is None else shown[matched.index(decision.rule)],
        matched=shown,
        unmet=described[len(matched) :],
        through=await ways_to(session, actor, who, {rule.principal for rule in every} - {who}),
    )


async def who_can(
    session: AsyncSession, actor: Actor, *, action: str, resource: str, limit: int
) -> WhoCanOut:
    """Return the active users who may do something, by name, each with the rule that says so.

    Raises:
        NameInvalidError, NotFoundError, ForbiddenError: as `explain`.
    """
    wanted = action_named(action)
    asked = await _asked(session, actor, resource)
    found = await who_may(session, actor.org_id, wanted, asked.place)
    principals = [Principal.of_user(one.user_id) for one in found]
    names = await principals_out(session, actor, principals)
    rules = [one.decision.rule for one in found if one.decision.rule is not None]
    shown = await describe_rules(session, actor, rules)
    items = [
        PermittedOut(user=names[principal], decided_by=rule)
        for principal, rule in zip(principals, shown, strict=True)
    ]
    items.sort(key=lambda item: (item.user.name.lower(), item.user.principal))
    return WhoCanOut(total=len(items), items=items[:limit])


async def effective(
    session: AsyncSession, actor: Actor, *, principal: str, resource: str
) -> EffectiveOut:
    """Return what a principal may do to a resource, action by action.

    Raises:
        NameInvalidError, NotFoundError, ForbiddenError: as `explain`.
    """
    who = Principal.parse(principal)
    asked = await _asked(session, actor, resource, about=who)
    await require_principal(session, actor.org_id, who)
    rules = await queries.rules_touching(session, actor.org_id, who, [asked.place.resource])
    context = await context_for(session, actor, who)
    found = Relevant(rules)
    decisions = {
        action: found.decide(action, asked.place, context)
        for action in Action
        if _applies(action, asked)
    }
    deciding = [one.rule for one in decisions.values() if one.rule is not None]
    shown = dict(
        zip(map(id, deciding), await describe_rules(session, actor, deciding), strict=True)
    )
    names = await principals_out(session, actor, [who])
    return EffectiveOut(
        principal=names[who],
        actions=[
            EffectiveAction(
                action=action,
                allowed=decision.allowed,
                decided_by=None if decision.rule is None else shown[id(decision.rule)],
            )
            for action, decision in decisions.items()
        ],
    )


async def describe_resource(session: AsyncSession, actor: Actor, resource: str) -> ResourceOut:
    """Return a folder or document by name, where it stands, and whether the actor may manage its access.

    Raises:
        NameInvalidError: it is no single folder or document.
        NotFoundError: there is none, or the actor may neither see it nor manage it.
    """
    target = Target.parse(resource)
    folder_id, document_id = target.folder_id, target.document_id
    if target.scope not in {Scope.FOLDER, Scope.DOCUMENT}:
        raise NameInvalidError("Name one resource: dms:folder:12 or dms:document:45.")
    try:
        thing = await managed(session, actor, folder_id=folder_id, document_id=document_id)
        place, may_manage = thing.place, True
    except ForbiddenError:  # it is seen, and not managed
        place, may_manage = await _place_of(session, actor, target), False
    above = place.resource.path if document_id is not None else place.resource.path[:-1]
    folders = [Target(Scope.FOLDER, one) for one in above]
    names = await resource_names(session, actor.org_id, [*folders, target])
    return ResourceOut(
        resource=resource,
        name=names[target],
        ancestors=[
            CabinetRef(id=one, name=names[folder])
            for one, folder in zip(above, folders, strict=True)
        ],
        may_manage=may_manage,
    )


async def _place_of(session: AsyncSession, actor: Actor, target: Target) -> Place:
    if target.document_id is not None:
        documents = await queries.document_places(session, actor.org_id, [target.document_id])
        return documents[target.document_id]
    key = target.folder_id or 0
    return (await queries.folder_places(session, actor.org_id, [key]))[key]


def action_named(name: str) -> Action:
    """Return the action of a name.

    Raises:
        NameInvalidError: there is none.
    """
    try:
        return Action(name)
    except ValueError as error:
        raise NameInvalidError(
            f"There is no action {name!r}; there are {', '.join(Action)}."
        ) from error


async def context_for(session: AsyncSession, actor: Actor, principal: Principal) -> Attributes:
    """Return the attributes to decide by for a principal: the actor's own are those of the request."""
    if principal == principal_of(actor):
        return context_of(actor)
    if principal.kind is PrincipalKind.GROUP:
        return assumed_context(principal)
    rows = await queries.active_users(session, actor.org_id, [principal.id])
    is_administrator = any(role == Role.ADMINISTRATOR for _, role in rows)
    return assumed_context(principal, is_administrator=is_administrator)


def _applies(action: Action, asked: _Asked) -> bool:
    if asked.is_root:
        return action is Action.CABINET_CREATE
    if action is Action.ACCESS_MANAGE:
        return True
    if asked.is_document:
        return action in ON_DOCUMENTS
    return action not in ON_DOCUMENTS | {Action.CABINET_CREATE}


def _reason(decision: Decision) -> str:
    if decision.rule is None:
        return "nothing_matches"
    return "allowed" if decision.allowed else "denied"


async def _asked(
    session: AsyncSession, actor: Actor, resource: str, *, about: Principal | None = None
) -> _Asked:
    """Return the place of a resource the actor may ask about: as its manager, or about oneself."""
    target = Target.parse(resource)
    is_own = about == principal_of(actor)
    if target.scope is Scope.EVERYTHING:
        if not (is_own or actor.is_administrator):
            raise ForbiddenError("Only an administrator may ask this of others.")
        return _Asked(ROOT, is_document=False, is_root=True)
    if target.scope is Scope.FOLDER and target.id is not None:
        return _Asked(
            await folder_place(session, actor, target.id, is_own=is_own), is_document=False
        )
    if target.scope is Scope.DOCUMENT and target.id is not None:
        place = await document_place(session, actor, target.id, is_own=is_own)
        return _Asked(place, is_document=True)
    if target.scope is Scope.BELOW and target.id is not None:
        place = await folder_place(session, actor, target.id, is_own=is_own)
        return _Asked(document_within(place), is_document=True)
    raise NameInvalidError(
        "Ask about one resource: dms:folder:12, dms:document:45, dms:folder:12/* for the documents in it, or *."
    )


def document_within(folder: Place) -> Place:
    """Return the place of a document in a folder of which nothing else is known."""
    inside = replace(folder.resource, document_id=NOTHING_IN_PARTICULAR)
    return replace(folder, resource=inside, attributes={})


async def folder_place(
    session: AsyncSession, actor: Actor, folder_id: int, *, is_own: bool
) -> Place:
    """Return the place of a folder the actor may manage, or where it is about the actor, may see."""
    if is_own and not actor.is_administrator:
        await require(session, actor, Action.FOLDER_LIST, folder_id=folder_id)
        return (await queries.folder_places(session, actor.org_id, [folder_id]))[folder_id]
    return (await managed(session, actor, folder_id=folder_id)).place


async def document_place(
    session: AsyncSession, actor: Actor, document_id: int, *, is_own: bool
) -> Place:
    """Return the place of a document the actor may manage, or where it is about the actor, may see."""
    if is_own and not actor.is_administrator:
        await require_document(session, actor, Action.DOCUMENT_READ, document_id=document_id)
        return (await queries.document_places(session, actor.org_id, [document_id]))[document_id]
    return (await managed(session, actor, document_id=document_id)).place
