"""What an actor may do to single folders and documents: rules are found by the path and decided by the evaluator."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import DOCUMENT_PERMISSIONS, Action
from backend.access.conditions import Attributes
from backend.access.evaluator import Decision, PolicyEvaluator
from backend.access.queries import rules as queries
from backend.access.queries.rules import Place
from backend.access.rules import Request, Resource, Rule
from backend.access.service.context import context_of, principal_of
from backend.core.actor import Actor, Role
from backend.core.errors import ForbiddenError, NotFoundError

ROOT = Place(Resource(), is_live=True, attributes={})
"""The organisation itself."""


async def require(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    *,
    folder_id: int,
    include_trashed: bool = False,
) -> None:
    """Return if the actor may do this to the folder, or in it.

    Raises:
        NotFoundError: there is no such folder, the actor may not see it, or it is in the trash and that was not
            asked for.
        ForbiddenError: the actor sees it but may not do this.
    """
    places = await queries.folder_places(session, actor.org_id, [folder_id])
    place = _known(places, folder_id, include_trashed=include_trashed)
    seen, allowed = await _decide(session, actor, place, Action.FOLDER_LIST, action)
    if allowed:
        return
    if place is None or not seen:
        raise NotFoundError(f"There is no folder {folder_id}, or you may not see it.")
    raise ForbiddenError(
        f"You may see folder {folder_id} but not do this there.", action=str(action)
    )


async def require_document(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    *,
    document_id: int,
    include_trashed: bool = False,
) -> None:
    """Return if the actor may do this to the document.

    Raises:
        NotFoundError, ForbiddenError: as `require`.
    """
    places = await queries.document_places(session, actor.org_id, [document_id])
    place = _known(places, document_id, include_trashed=include_trashed)
    seen, allowed = await _decide(session, actor, place, Action.DOCUMENT_READ, action)
    if allowed:
        return
    if place is None or not seen:
        raise NotFoundError(f"There is no document {document_id}, or you may not see it.")
    raise ForbiddenError(
        f"You may see document {document_id} but not do this to it.", action=str(action)
    )


async def require_cabinet_creation(session: AsyncSession, actor: Actor) -> None:
    """Return if the actor may create a cabinet: administrators may, and who was given `dms:cabinet:Create`.

    Raises:
        ForbiddenError: the actor may not.
    """
    decision = await _decide_one(session, actor, Action.CABINET_CREATE, ROOT)
    by_role = actor.role is Role.ADMINISTRATOR and actor.in_scope(Action.CABINET_CREATE)
    if not (decision.allowed or (by_role and decision.rule is None)):
        raise ForbiddenError("Only an administrator may create a cabinet.")


async def document_permissions(
    session: AsyncSession, actor: Actor, document_ids: Sequence[int]
) -> dict[int, list[str]]:
    """Return what the API lists as the actor's permissions on those of the documents that there are."""
    places = await queries.document_places(session, actor.org_id, document_ids)
    return await _permissions(session, actor, places, DOCUMENT_PERMISSIONS)


async def readable_ids(
    session: AsyncSession,
    actor: Actor,
    document_ids: Sequence[int],
    *,
    include_trashed: bool = False,
) -> set[int]:
    """Return those of the documents that the actor may read."""
    places = await queries.document_places(session, actor.org_id, document_ids)
    asked = {key: place for key, place in places.items() if place.is_live or include_trashed}
    allowed = await _permissions(session, actor, asked, {"read": Action.DOCUMENT_READ})
    return {document_id for document_id, held in allowed.items() if held}


async def _permissions(
    session: AsyncSession,
    actor: Actor,
    places: Mapping[int, Place],
    actions: Mapping[str, Action],
) -> dict[int, list[str]]:
    rules = await queries.rules_touching(
        session,
        actor.org_id,
        principal_of(actor),
        [place.resource for place in places.values()],
    )
    context = context_of(actor)
    found = Relevant(rules, actor.in_scope)
    return {key: permitted(found, actions, place, context) for key, place in places.items()}


def permitted(
    rules: "Relevant", actions: Mapping[str, Action], place: Place, context: Attributes
) -> list[str]:
    """Return the names of those of the actions that rules allow at a place."""
    return [
        name for name, action in actions.items() if rules.decide(action, place, context).allowed
    ]


async def _decide(
    session: AsyncSession, actor: Actor, place: Place | None, *actions: Action
) -> list[bool]:
    """Return of each action whether it is allowed there; of a place there is not, none is, after the same question."""
    asked = place or ROOT
    rules = await queries.rules_touching(
        session, actor.org_id, principal_of(actor), [asked.resource]
    )
    context = context_of(actor)
    found = Relevant(rules, actor.in_scope)
    return [
        place is not None and found.decide(action, place, context).allowed for action in actions
    ]


async def _decide_one(
    session: AsyncSession, actor: Actor, action: Action, place: Place
) -> Decision:
    rules = await queries.rules_touching(
        session, actor.org_id, principal_of(actor), [place.resource]
    )
    return Relevant(rules, actor.in_scope).decide(action, place, context_of(actor))


def _known(places: Mapping[int, Place], key: int, *, include_trashed: bool) -> Place | None:
    place = places.get(key)
    return place if place is not None and (place.is_live or include_trashed) else None


@dataclass(frozen=True, slots=True)
class _ByTarget:
    folders: dict[int, list[Rule]]
    documents: dict[int, list[Rule]]
    general: list[Rule]


InScope = Callable[[Action], bool]
"""Tells whether the credentials behind a request extend to an action."""


class Relevant:
    """Rules, kept by their targets, so that each resource is compared only with those on its own path.

    What is decided for a request is decided within the scope of its credentials (`Actor.in_scope`).
    """

    def __init__(self, rules: Iterable[Rule], in_scope: InScope | None = None) -> None:
        self._in_scope = in_scope
        self._kept = _ByTarget({}, {}, [])
        for rule in rules:
            if rule.target.folder_id is not None:
                self._kept.folders.setdefault(rule.target.folder_id, []).append(rule)
            elif rule.target.document_id is not None:
                self._kept.documents.setdefault(rule.target.document_id, []).append(rule)
            else:
                self._kept.general.append(rule)

    def evaluator(self, resource: Resource) -> PolicyEvaluator:
        """Return the evaluator of the rules that may cover a resource."""
        rules = list(self._kept.general)
        for folder_id in resource.path:
            rules += self._kept.folders.get(folder_id, [])
        if resource.document_id is not None:
            rules += self._kept.documents.get(resource.document_id, [])
        return PolicyEvaluator(rules)

    def decide(self, action: Action, place: Place, context: Attributes) -> Decision:
        """Decide one action. No rule decides about what the credentials do not extend to: it is not allowed."""
        if self._in_scope is not None and not self._in_scope(action):
            return Decision(allowed=False)
        request = Request(action, place.resource, {**context, **place.attributes})
        return self.evaluator(place.resource).decide(request)
