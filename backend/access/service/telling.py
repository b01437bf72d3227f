"""Who may: the audience of live events, and everybody who may do something, with the rule that says so."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import Action
from backend.access.evaluator import Decision
from backend.access.queries import rules as queries
from backend.access.queries.rules import Place
from backend.access.rules import Effect, Principal, PrincipalKind, Rule
from backend.access.service.context import assumed_context
from backend.access.service.deciding import Relevant
from backend.core.actor import Role


@dataclass(frozen=True, slots=True)
class Permitted:
    """A user who may do something, and why."""

    user_id: int
    decision: Decision


class Subject(NamedTuple):
    """What an event is about: a document, or without one a folder."""

    folder_id: int
    document_id: int | None = None


async def audiences(
    session: AsyncSession, org_id: int, subjects: Iterable[Subject]
) -> dict[Subject, list[int]]:
    """Return, for each subject, the ids of the active users who may see it, be it in the trash.

    Those who saw it must also hear that it went there. Conditions are decided without an address: what asks for
    one is not allowed. With a fixed number of queries.
    """
    every = set(subjects)
    asked = await _asked(session, org_id, every)
    permitted = await _permitted(session, org_id, list(asked.values())) if asked else []
    heard = {
        subject: [one.user_id for one in users]
        for subject, users in zip(asked, permitted, strict=True)
    }
    return {one: heard.get(one, []) for one in every}


async def _asked(
    session: AsyncSession, org_id: int, subjects: Collection[Subject]
) -> dict[Subject, tuple[Action, Place]]:
    """Return what makes one see each of those of the subjects that there are, and where they stand."""
    document_ids = {one.document_id for one in subjects if one.document_id is not None}
    folder_ids = {one.folder_id for one in subjects if one.document_id is None}
    asked: dict[Subject, tuple[Action, Place]] = {}
    if document_ids:
        places = await queries.document_places(session, org_id, document_ids)
        for one in subjects:
            if one.document_id in places:
                asked[one] = (Action.DOCUMENT_READ, places[one.document_id])
    if folder_ids:
        places = await queries.folder_places(session, org_id, folder_ids)
        for one in subjects:
            if one.document_id is None and one.folder_id in places:
                asked[one] = (Action.FOLDER_LIST, places[one.folder_id])
    return asked


async def who_may(
    session: AsyncSession, org_id: int, action: Action, place: Place
) -> list[Permitted]:
    """Return the active users who may do something to a place, by id."""
    return (await _permitted(session, org_id, [(action, place)]))[0]


async def _permitted(
    session: AsyncSession, org_id: int, asked: Sequence[tuple[Action, Place]]
) -> list[list[Permitted]]:
    """Return, for each thing that may be done to a place, the active users who may, by id."""
    resources = [place.resource for _, place in asked]
    actions = {action for action, _ in asked}
    rules = await queries.rules_touching(session, org_id, None, resources)
    by_user = await _by_user(session, org_id, [one for one in rules if actions & one.actions])
    permitted: list[list[Permitted]] = [[] for _ in asked]
    for user_id, role in sorted(await queries.active_users(session, org_id, by_user)):
        context = assumed_context(
            Principal.of_user(user_id), is_administrator=role == Role.ADMINISTRATOR
        )
        found = Relevant(by_user[user_id])
        for users, (action, place) in zip(permitted, asked, strict=True):
            decision = found.decide(action, place, context)
            if decision.allowed:
                users.append(Permitted(user_id, decision))
    return permitted


async def _by_user(
    session: AsyncSession, org_id: int, rules: Iterable[Rule]
) -> dict[int, list[Rule]]:
    """Return, for each user whom a rule allows something, the rules that hold for them, by groups too."""
    by_principal: dict[Principal, list[Rule]] = {}
    for rule in rules:
        by_principal.setdefault(rule.principal, []).append(rule)
    groups = [one.id for one in by_principal if one.kind is PrincipalKind.GROUP]
    by_user: dict[int, list[Rule]] = {
        one.id: list(found) for one, found in by_principal.items() if one.kind is PrincipalKind.USER
    }
    if groups:
        for group_id, user_id in await queries.members_of(session, org_id, groups):
            found = by_principal[Principal(PrincipalKind.GROUP, group_id)]
            by_user.setdefault(user_id, []).extend(found)
    return {
        user_id: found
        for user_id, found in by_user.items()
        if any(rule.effect is Effect.ALLOW for rule in found)
    }
