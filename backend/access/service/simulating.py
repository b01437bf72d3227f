"""What a change would do before it is made: what users would gain and lose. Nothing is written."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.actions import ON_DOCUMENTS, Action
from backend.access.errors import GrantNotFoundError, NameInvalidError, PolicyNotFoundError
from backend.access.language import parse_policy, rules_of
from backend.access.queries import grants, policies, simulation
from backend.access.queries import rules as queries
from backend.access.queries.places import resource_names
from backend.access.reach import (
    DocumentReach,
    FolderReach,
    reach_of_documents,
    reach_of_folders,
)
from backend.access.rules import Principal, PrincipalKind, Rule, Scope, Target
from backend.access.schemas import (
    GrantIn,
    PrincipalOut,
    SampleDocument,
    SampleFolder,
    SimulatedUser,
    SimulationIn,
    SimulationOut,
)
from backend.access.service.explaining import action_named, context_for
from backend.access.service.filtering import View, view
from backend.access.service.granting import actions_named
from backend.access.service.managing import managed, require_principal
from backend.access.service.policies import principals_out
from backend.core.actor import Actor
from backend.core.errors import ForbiddenError, InvalidError
from backend.identity import service as identity

MOST_USERS = 50
_SAMPLE = 5
_NO_POLICY = 0


@dataclass(frozen=True, slots=True)
class _Change:
    """Rules that would come, rules that would go, whom that concerns, and what the new ones name."""

    principals: frozenset[Principal]
    targets: frozenset[Target]
    added: tuple[Rule, ...]
    removes: Callable[[Rule], bool]


async def simulate(session: AsyncSession, actor: Actor, wanted: SimulationIn) -> SimulationOut:
    """Return what a change would give and take. Policies are the administrators' to try, grants the managers'.

    Counts are of all documents and folders there are, up to 10,000 each; samples name only what the caller may see.

    Raises:
        PolicyInvalidError, NameInvalidError: the change could not be made.
        PolicyNotFoundError, GrantNotFoundError, PrincipalNotFoundError, NotFoundError: it is about what there is not.
        ForbiddenError: the actor could not make it.
    """
    action = action_named(wanted.action)
    if action not in ON_DOCUMENTS:
        raise NameInvalidError(
            "Ask for an action that is done to documents, such as dms:document:Read."
        )
    change = await _change(session, actor, wanted)
    users = await _users(session, actor.org_id, change.principals)
    looked_at = [Principal.of_user(user_id) for user_id in users[:MOST_USERS]]
    names = await principals_out(session, actor, {*looked_at, *change.principals})
    seen = await view(session, actor)
    places = await resource_names(session, actor.org_id, change.targets)
    return SimulationOut(
        affected_users=len(users),
        is_partial=len(users) > MOST_USERS,
        most_counted=simulation.MOST,
        named={str(target): name for target, name in places.items()},
        users=[
            await _felt(session, actor, change, action, user, names, seen) for user in looked_at
        ],
    )


async def _felt(
    session: AsyncSession,
    actor: Actor,
    change: _Change,
    action: Action,
    user: Principal,
    names: dict[Principal, PrincipalOut],
    seen: View,
) -> SimulatedUser:
    groups = await identity.group_ids(session, actor.org_id, user.id)
    own = {user, *(Principal(PrincipalKind.GROUP, group_id) for group_id in groups)}
    rules = await queries.rules_of(session, actor.org_id, user)
    kept = [rule for rule in rules if not change.removes(rule)]
    changed = [*kept, *(rule for rule in change.added if rule.principal in own)]
    context = await context_for(session, actor, user)
    before, after = (reach_of_documents(these, action, context) for these in (rules, changed))
    listed, listed_then = (
        reach_of_folders(these, Action.FOLDER_LIST, context) for these in (rules, changed)
    )
    gained, gained_sample = await _documents(session, actor, after, before, seen)
    lost, lost_sample = await _documents(session, actor, before, after, seen)
    folders_gained, folders_gained_sample = await _folders(
        session, actor, listed_then, listed, seen
    )
    folders_lost, folders_lost_sample = await _folders(session, actor, listed, listed_then, seen)
    return SimulatedUser(
        user=names[user],
        concerned_by=[names[one] for one in sorted(change.principals & own)],
        gained=gained,
        lost=lost,
        gained_sample=gained_sample,
        lost_sample=lost_sample,
        folders_gained=folders_gained,
        folders_lost=folders_lost,
        folders_gained_sample=folders_gained_sample,
        folders_lost_sample=folders_lost_sample,
    )


async def _documents(
    session: AsyncSession, actor: Actor, one: DocumentReach, other: DocumentReach, seen: View
) -> tuple[int, list[SampleDocument]]:
    """Return how many documents are in one reach and not in the other, and some of those the actor may read."""
    count = 0
    if one != other:
        count = await simulation.count_only_in(session, actor.org_id, one, other)
    if not count:
        return 0, []
    rows = await simulation.some_only_in(
        session, actor.org_id, one, other, readable=seen.readable, limit=_SAMPLE
    )
    return count, [
        SampleDocument(id=row[0], name=row[1], folder_id=row[2], folder_name=row[3]) for row in rows
    ]


async def _folders(
    session: AsyncSession, actor: Actor, one: FolderReach, other: FolderReach, seen: View
) -> tuple[int, list[SampleFolder]]:
    """Return how many folders are in one reach and not in the other, and some of those the actor may list."""
    count = 0
    if one != other:
        count = await simulation.count_folders_only_in(session, actor.org_id, one, other)
    if not count:
        return 0, []
    rows = await simulation.some_folders_only_in(
        session, actor.org_id, one, other, listed=seen.listed, limit=_SAMPLE
    )
    return count, [SampleFolder(id=row[0], name=row[1]) for row in rows]


async def _change(session: AsyncSession, actor: Actor, wanted: SimulationIn) -> _Change:
    if wanted.grant is not None and wanted.resource is not None:
        return await _grant_change(session, actor, wanted.grant, wanted.resource)
    if wanted.revoke_grant_id is not None:
        return await _revocation(session, actor, wanted.revoke_grant_id)
    if wanted.policy_id is None and wanted.document is None:
        raise InvalidError(
            "Say what would change: a policy, a grant with its resource, or a revocation."
        )
    if not actor.is_administrator:
        raise ForbiddenError("Policies are the administrators' to change, and to try.")
    return await _policy_change(session, actor, wanted)


async def _policy_change(session: AsyncSession, actor: Actor, wanted: SimulationIn) -> _Change:
    principals = {Principal.parse(one) for one in wanted.principals}
    for principal in principals:
        await require_principal(session, actor.org_id, principal)
    policy_id = wanted.policy_id
    if policy_id is not None:
        if await policies.policy(session, actor.org_id, policy_id) is None:
            raise PolicyNotFoundError(f"There is no policy {policy_id}.")
        principals |= {one.principal for one in await policies.attachments(session, [policy_id])}
    detached = {Principal.parse(one) for one in wanted.detached}
    statements = [] if wanted.document is None else parse_policy(wanted.document)
    added = [
        rule
        for principal in principals - detached
        for rule in rules_of(statements, principal, policy_id or _NO_POLICY)
    ]
    return _Change(
        frozenset(principals),
        frozenset(target for statement in statements for target in statement.targets),
        tuple(added),
        lambda rule: policy_id is not None and rule.policy_id == policy_id,
    )


async def _grant_change(
    session: AsyncSession, actor: Actor, grant: GrantIn, resource: str
) -> _Change:
    target = Target.parse(resource)
    if target.scope is Scope.FOLDER:
        thing = await managed(session, actor, folder_id=target.id)
    elif target.scope is Scope.DOCUMENT:
        thing = await managed(session, actor, document_id=target.id)
    else:
        raise NameInvalidError("A grant is on one resource: dms:folder:12 or dms:document:45.")
    principal = Principal.parse(grant.principal)
    await require_principal(session, actor.org_id, principal)
    actions = actions_named(grant.role, grant.actions, thing.target)
    rule = Rule(principal, grant.effect, actions, thing.target)

    def replaces(old: Rule) -> bool:
        same = (old.principal, old.effect, old.target) == (principal, grant.effect, thing.target)
        return old.grant_id is not None and same

    return _Change(frozenset({principal}), frozenset({thing.target}), (rule,), replaces)


async def _revocation(session: AsyncSession, actor: Actor, grant_id: int) -> _Change:
    grant = await grants.grant(session, actor.org_id, grant_id)
    if grant is None:
        raise GrantNotFoundError(f"There is no grant {grant_id}.")
    await managed(session, actor, folder_id=grant.folder_id, document_id=grant.document_id)
    return _Change(
        frozenset({grant.principal}), frozenset(), (), lambda rule: rule.grant_id == grant_id
    )


async def _users(
    session: AsyncSession, org_id: int, principals: Collection[Principal]
) -> Sequence[int]:
    """Return the active users that principals are, or hold."""
    groups = [one.id for one in principals if one.kind is PrincipalKind.GROUP]
    users = {one.id for one in principals if one.kind is PrincipalKind.USER}
    if groups:
        users |= {user_id for _, user_id in await queries.members_of(session, org_id, groups)}
    return sorted(row[0] for row in await queries.active_users(session, org_id, users))
