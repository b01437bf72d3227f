"""Who may: the audience of live events, and everybody who may do something, with the rule that says so."""

from collections.abc import Iterable
from dataclasses import dataclass

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


async def audience(
    session: AsyncSession, *, org_id: int, folder_id: int, document_id: int | None = None
) -> list[int]:
    """Return the ids of the active users who may see a document, or without one a folder, be it in the trash.

    Those who saw it must also hear that it went there. Conditions are decided without an address: what asks for
    one is not allowed.
    """
    if document_id is None:
        folders = await queries.folder_places(session, org_id, [folder_id])
        place, action = folders.get(folder_id), Action.FOLDER_LIST
    else:
        documents = await queries.document_places(session, org_id, [document_id])
        place, action = documents.get(document_id), Action.DOCUMENT_READ
    if place is None:
        return []
    return [one.user_id for one in await who_may(session, org_id, action, place)]


async def who_may(
    session: AsyncSession, org_id: int, action: Action, place: Place
) -> list[Permitted]:
    """Return the active users who may do something to a place, by id."""
    rules = await queries.rules_touching(session, org_id, None, [place.resource])
    rules = [rule for rule in rules if action in rule.actions]
    by_user = await _by_user(session, org_id, rules)
    permitted = []
    for user_id, role in await queries.active_users(session, org_id, by_user):
        context = assumed_context(
            Principal.of_user(user_id), is_administrator=role == Role.ADMINISTRATOR
        )
        decision = Relevant(by_user[user_id]).decide(action, place, context)
        if decision.allowed:
            permitted.append(Permitted(user_id, decision))
    return sorted(permitted, key=lambda one: one.user_id)


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
