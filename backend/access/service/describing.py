"""Rules in the words of the API: what they stand on, who gave them, and by way of which groups they hold."""

from collections.abc import Collection, Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.models import Grant
from backend.access.queries import grants, policies
from backend.access.queries import rules as queries
from backend.access.queries.places import resource_names
from backend.access.rules import Principal, PrincipalKind, Rule, Target
from backend.access.schemas import PrincipalOut, RuleOut
from backend.access.service.policies import principals_out
from backend.core.actor import Actor


async def describe_rules(
    session: AsyncSession, actor: Actor, rules: Iterable[Rule]
) -> list[RuleOut]:
    """Return the wire shapes of rules, in their order."""
    every = list(rules)
    names = await principals_out(session, actor, {rule.principal for rule in every})
    says = await policies.documents(
        session, actor.org_id, {rule.policy_id for rule in every if rule.policy_id is not None}
    )
    places = await resource_names(session, actor.org_id, [rule.target for rule in every])
    given = await grants.origins(
        session, actor.org_id, {rule.grant_id for rule in every if rule.grant_id is not None}
    )
    return [_described(rule, names[rule.principal], says, places, given) for rule in every]


def _described(
    rule: Rule,
    principal: PrincipalOut,
    says: dict[int, tuple[str, dict[str, object]]],
    places: dict[Target, str],
    grants_given: dict[int, tuple[Grant, str]],
) -> RuleOut:
    name, document = says.get(rule.policy_id or 0, (None, {}))
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    statement = statements[rule.statement] if rule.statement is not None else None
    statement = statement if isinstance(statement, dict) else {}
    grant, giver = grants_given.get(rule.grant_id or 0, (None, None))
    return RuleOut(
        effect=rule.effect,
        principal=principal,
        resource=str(rule.target),
        stands_on=places.get(rule.target),
        grant_id=rule.grant_id,
        policy_id=rule.policy_id,
        policy_name=name,
        statement=rule.statement,
        sid=statement.get("Sid"),
        condition=statement.get("Condition"),
        role=None if grant is None else grant.role,
        given_by=giver,
        given_at=None if grant is None else grant.created_at,
        reason=None if grant is None else grant.reason,
    )


async def ways_to(
    session: AsyncSession, actor: Actor, who: Principal, groups: Collection[Principal]
) -> dict[str, list[PrincipalOut]]:
    """Return, for those of the groups that hold a principal by other groups, the shortest way there."""
    if not groups:
        return {}
    steps = await queries.steps_up(session, actor.org_id, who)
    ways = ways_up(steps)
    between = {
        group: [Principal(PrincipalKind.GROUP, one) for one in ways[group.id][:-1]]
        for group in groups
        if group.id in ways
    }
    names = await principals_out(session, actor, {one for way in between.values() for one in way})
    return {str(group): [names[one] for one in way] for group, way in between.items() if way}


def ways_up(steps: Iterable[tuple[int | None, int]]) -> dict[int, list[int]]:
    """Return the shortest way to each group, from steps (inner, outer) that begin at None; it ends with the group."""
    around: dict[int | None, list[int]] = {}
    for inner, outer in sorted(steps, key=lambda step: step[1]):
        around.setdefault(inner, []).append(outer)
    ways: dict[int, list[int]] = {}
    reached: list[tuple[int | None, list[int]]] = [(None, [])]
    for inner, way in reached:
        for outer in around.get(inner, []):
            if outer not in ways:
                ways[outer] = [*way, outer]
                reached.append((outer, ways[outer]))
    return ways
