"""What rules make of an item. Pure: facts and rules in, a decision out."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from backend.documents.schemas import PropertyValue
from backend.intake.names import one_line_name
from backend.intake.schemas import Rule, When

TYPE = "type"
"""The property that says what a document is."""
_MOST_FOLDERS = 10
_IN_BRACES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an item when it arrives."""

    source_id: int
    source: str
    """The source's name."""
    name: str
    media_type: str
    at: datetime
    """When it was written, as far as that is known."""
    sender: str | None = None
    subject: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Facts":
        """Return what `to_json` made values of."""
        return cls(**{**values, "at": datetime.fromisoformat(values["at"])})


@dataclass(slots=True)
class Decision:
    """Where an item goes and what is said of it; None: as without rules."""

    name: str
    folder_id: int | None = None
    subfolder: tuple[str, ...] = ()
    tags: list[str] = field(default_factory=list)
    properties: dict[str, PropertyValue] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)


def decide(rules: Sequence[Rule], facts: Facts, *, text: str | None = None) -> Decision:
    """Return what the rules make of an item; those on its text apply only where that is given."""
    decision = Decision(facts.name)
    read = None if text is None else _folded(text)
    for rule in rules:
        if rule.enabled and _holds(rule.when, facts, read):
            _apply(rule, facts, decision)
            if rule.stop:
                break
    return decision


def go_by_text(rules: Sequence[Rule]) -> bool:
    """Whether any of the rules asks for the text."""
    return any(rule.enabled and rule.when.text is not None for rule in rules)


def _holds(when: When, facts: Facts, text: str | None) -> bool:
    given = (
        (when.name, facts.name),
        (when.sender, facts.sender),
        (when.subject, facts.subject),
        (when.media_type, facts.media_type),
    )
    return (
        (not when.source_ids or facts.source_id in when.source_ids)
        and all(glob is None or matches(value, glob) for glob, value in given)
        and (when.text is None or (text is not None and _folded(when.text) in text))
    )


def matches(value: str | None, glob: str) -> bool:
    """Whether a value is of the form of a glob, in whatever case; one that is not known is not.

    Only `*` and `?` are more than themselves.
    """
    pattern = glob.casefold().replace("[", "[[]")
    return value is not None and fnmatchcase(value.casefold(), pattern)


def _apply(rule: Rule, facts: Facts, decision: Decision) -> None:
    then = rule.then
    if then.folder_id is not None:
        decision.folder_id, decision.subfolder = then.folder_id, ()
    if then.subfolder is not None:
        decision.subfolder = _folders(then.subfolder, facts)
    if then.name is not None:
        decision.name = _named(then.name, facts)
    if then.type is not None:
        decision.properties[TYPE] = then.type
    decision.tags += [tag for tag in then.tags if tag not in decision.tags]
    decision.properties |= then.properties
    decision.applied.append(rule.name)


def _folders(template: str, facts: Facts) -> tuple[str, ...]:
    steps = [_filled(step, facts) for step in template.split("/") if step.strip()]
    return tuple(one_line_name(step, otherwise="_") for step in steps[:_MOST_FOLDERS] if step)


def _named(template: str, facts: Facts) -> str:
    """Return the name of a template; what a file is stays said by its extension."""
    name = _filled(template, facts)
    extension = PurePath(facts.name).suffix
    if extension and not name.casefold().endswith(extension.casefold()):
        name += extension
    return one_line_name(name, otherwise=facts.name)


def _filled(template: str, facts: Facts) -> str:
    values = _values(facts)
    return _IN_BRACES.sub(lambda found: values[found[1]], template).strip()


def _values(facts: Facts) -> dict[str, str]:
    """Return what stands for the names in braces (`schemas.TEMPLATE_FIELDS`)."""
    path = PurePath(facts.name)
    sender = (facts.sender or "").casefold()
    return {
        "year": f"{facts.at.year:04}",
        "month": f"{facts.at.month:02}",
        "day": f"{facts.at.day:02}",
        "name": facts.name,
        "stem": path.stem,
        "extension": path.suffix.removeprefix("."),
        "sender": sender,
        "sender_domain": sender.rpartition("@")[2],
        "subject": facts.subject or "",
        "source": facts.source,
    }


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
