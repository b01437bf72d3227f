"""The rules of an organisation: read, replaced, tried."""

from collections.abc import Sequence
from mimetypes import guess_type
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.content.media_types import media_type_of
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import StaleError
from backend.folders import service as folders
from backend.intake import queries
from backend.intake.errors import RuleInvalidError
from backend.intake.models import Source
from backend.intake.names import one_line_name, storable
from backend.intake.rules import TYPE, Decision, Facts, decide
from backend.intake.schemas import Rule, RulesIn, RulesOut, TrialIn, TrialOut
from backend.intake.service.places import folder_places
from backend.intake.service.sources import get_source


async def rules_of(session: AsyncSession, org_id: int) -> list[Rule]:
    """Return the rules of an organisation, in their order."""
    found = await queries.rule_list(session, org_id)
    return [] if found is None else [Rule.model_validate(one) for one in found.rules]


async def get_rules(session: AsyncSession, actor: Actor) -> RulesOut:
    """Return the rules of the actor's organisation."""
    found = await queries.rule_list(session, actor.org_id)
    if found is None:
        return RulesOut(items=[], revision=0)
    return RulesOut(
        items=[Rule.model_validate(one) for one in found.rules], revision=found.revision
    )


async def put_rules(
    session: AsyncSession, actor: Actor, asked: RulesIn, *, if_match: str
) -> RulesOut:
    """Replace the rules; those without an id get one.

    Raises:
        StaleError: `if_match` is not the ETag of the present list.
        RuleInvalidError: a rule names a folder or a source that is not there, or an id twice.
    """
    row = await queries.put_rules(session, actor.org_id)
    if if_match not in {"*", rules_etag(row.revision)}:
        raise StaleError(
            "The rules were changed since you read them; read them again.",
            etag=rules_etag(row.revision),
        )
    before = [Rule.model_validate(one) for one in row.rules]
    await _check_references(session, actor, before, asked.items)
    known = {rule.id for rule in before}
    numbered: list[Rule] = []
    for place, rule in enumerate(asked.items):
        if rule.id not in known:
            row.last_id += 1
            rule.id = row.last_id
        if rule.id in {one.id for one in numbered}:
            raise RuleInvalidError(f"The id of rule {rule.name!r} is given twice.", rule=place)
        numbered.append(rule)
    row.rules = [_stored(rule) for rule in numbered]
    row.revision += 1
    await session.flush()
    deed = Deed(
        "intake.rules_changed",
        f"organisation:{actor.org_id}",
        {"old": [_stored(rule) for rule in before], "new": row.rules},
    )
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    return RulesOut(items=numbered, revision=row.revision)


async def try_rules(session: AsyncSession, actor: Actor, asked: TrialIn) -> TrialOut:
    """Return what rules would make of an item; nothing is done.

    Raises:
        SourceNotFoundError: there is no such source.
    """
    source = None if asked.source_id is None else await get_source(session, asked.source_id)
    rules = asked.rules if asked.rules is not None else await rules_of(session, actor.org_id)
    name = one_line_name(asked.name, otherwise="file")
    facts = Facts(
        source_id=0 if source is None else source.id,
        source="" if source is None else source.name,
        name=name,
        media_type=asked.media_type or guess_type(name)[0] or media_type_of(b"", name),
        at=now(),
        sender=storable(asked.sender),
        subject=storable(asked.subject),
    )
    return await _told(session, actor, source, decide(rules, facts, text=asked.text))


def rules_etag(revision: int) -> str:
    """Return the entity tag of a list of rules."""
    return f'"{revision}"'


async def _told(
    session: AsyncSession, actor: Actor, source: Source | None, decision: Decision
) -> TrialOut:
    folder_id = decision.folder_id or (None if source is None else source.folder_id)
    places = await folder_places(session, actor, [folder_id])
    properties = dict(decision.properties)
    kind = properties.pop(TYPE, None)
    return TrialOut(
        applied=decision.applied,
        folder=places.get(folder_id or 0),
        subfolder="/".join(decision.subfolder) or None,
        name=decision.name,
        type=None if kind is None else str(kind),
        tags=decision.tags,
        properties=properties,
    )


async def _check_references(
    session: AsyncSession, actor: Actor, before: Sequence[Rule], asked: Sequence[Rule]
) -> None:
    """Refuse folders and sources that are not there; what a rule named before, it may go on naming."""
    wanted = {rule.then.folder_id for rule in asked} - {rule.then.folder_id for rule in before}
    named = {one for rule in before for one in rule.when.source_ids}
    sources = {one for rule in asked for one in rule.when.source_ids} - named
    visible = await folders.visible_names(session, actor, [one for one in wanted if one])
    known = await queries.names_of(session, list(sources))
    for place, rule in enumerate(asked):
        folder_id = rule.then.folder_id
        if folder_id is not None and folder_id in wanted and folder_id not in visible:
            raise RuleInvalidError(
                f"Rule {rule.name!r}: there is no folder {folder_id}, or you may not see it.",
                rule=place,
            )
        missing = set(rule.when.source_ids) & sources - known.keys()
        if missing:
            raise RuleInvalidError(
                f"Rule {rule.name!r}: there is no way in {min(missing)}.", rule=place
            )


def _stored(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(mode="json")
