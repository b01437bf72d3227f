"""The policy language: what the JSON of a policy means, and what is wrong with it. Pure.

    {"Version": "1", "Statement": [
      {"Sid": "hr-read", "Effect": "Allow", "Action": ["dms:document:Read", "dms:folder:List"],
       "Resource": ["dms:folder:123", "dms:folder:123/*"],
       "Condition": {"StringEquals": {"dms:documentType": "contract"}}}]}

In the manner of AWS IAM: actions take `*` and `?`; `dms:folder:123` is a folder, `dms:folder:123/*` all that is in it
at any depth, `dms:document:45` a document, `*` everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.access.actions import Action, expand
from backend.access.conditions import Condition, Fault, parse_condition, step
from backend.access.errors import NameInvalidError, PolicyInvalidError
from backend.access.rules import Effect, Principal, Rule, Target

VERSION = "1"
MAX_STATEMENTS = 100
MAX_NAMES = 100
_FIELDS = ("Sid", "Effect", "Action", "Resource", "Condition")
_EFFECTS = {"Allow": Effect.ALLOW, "Deny": Effect.DENY}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy."""

    sid: str | None
    effect: Effect
    actions: frozenset[Action]
    targets: tuple[Target, ...]
    condition: Condition
    condition_json: Mapping[str, Any] | None


def parse_policy(document: object) -> list[Statement]:
    """Return the statements of a policy.

    Raises:
        PolicyInvalidError: with all that is wrong, each at its JSON pointer.
    """
    faults: list[Fault] = []
    statements = _policy(document, faults)
    if faults:
        raise PolicyInvalidError(
            f"The document is no policy: {faults[0].detail} (at {faults[0].pointer or 'the top'})",
            errors=[{"pointer": fault.pointer, "detail": fault.detail} for fault in faults],
        )
    return statements


def rules_of(statements: list[Statement], principal: Principal, policy_id: int) -> list[Rule]:
    """Return the rules a policy compiles into for a principal it is attached to."""
    return [
        Rule(
            principal,
            statement.effect,
            statement.actions,
            target,
            statement.condition,
            policy_id=policy_id,
            statement=place,
        )
        for place, statement in enumerate(statements)
        for target in statement.targets
    ]


def _policy(document: object, faults: list[Fault]) -> list[Statement]:
    if not isinstance(document, dict):
        faults.append(Fault("", "A policy is an object."))
        return []
    faults += [
        Fault(step("", name), "There is no such member; there are Version and Statement.")
        for name in document
        if name not in {"Version", "Statement"}
    ]
    if document.get("Version") != VERSION:
        faults.append(Fault("/Version", f'The version of the language is "{VERSION}".'))
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if given is None or not statements:
        faults.append(Fault("/Statement", "A policy has at least one statement."))
        return []
    if len(statements) > MAX_STATEMENTS:
        faults.append(Fault("/Statement", f"A policy has {MAX_STATEMENTS} statements at most."))
        return []
    parsed = [
        _statement(one, step("/Statement", place) if given is statements else "/Statement", faults)
        for place, one in enumerate(statements)
    ]
    _check_sids(parsed, faults)
    return [statement for statement in parsed if statement is not None]


def _check_sids(statements: list[Statement | None], faults: list[Fault]) -> None:
    seen: set[str] = set()
    for place, statement in enumerate(statements):
        sid = None if statement is None else statement.sid
        if sid is not None and sid in seen:
            faults.append(Fault(f"/Statement/{place}/Sid", "Another statement has this Sid."))
        seen |= {sid} if sid is not None else set()


def _statement(given: object, pointer: str, faults: list[Fault]) -> Statement | None:
    if not isinstance(given, dict):
        faults.append(Fault(pointer, "A statement is an object."))
        return None
    before = len(faults)
    faults += [
        Fault(step(pointer, name), f"There is no such member; there are {', '.join(_FIELDS)}.")
        for name in given
        if name not in _FIELDS
    ]
    sid = given.get("Sid")
    if sid is not None and not (isinstance(sid, str) and 0 < len(sid) <= 100):
        faults.append(Fault(step(pointer, "Sid"), "A Sid is text of at most 100 characters."))
    effect = _EFFECTS.get(str(given.get("Effect")))
    if effect is None:
        faults.append(Fault(step(pointer, "Effect"), "The effect is Allow or Deny."))
    actions = _actions(given.get("Action"), step(pointer, "Action"), faults)
    targets = _targets(given.get("Resource"), step(pointer, "Resource"), faults)
    condition_json = given.get("Condition")
    condition: Condition = ()
    if condition_json is not None:
        condition = parse_condition(condition_json, step(pointer, "Condition"), faults)
    if effect is None or len(faults) > before:
        return None
    return Statement(sid, effect, actions, targets, condition, condition_json or None)


def _names(given: object, pointer: str, faults: list[Fault]) -> list[tuple[str, str]]:
    """Return (pointer, name) of one name or many."""
    many = given if isinstance(given, list) else [given]
    if given is None or not many or len(many) > MAX_NAMES:
        faults.append(Fault(pointer, f"Name between one and {MAX_NAMES} of them."))
        return []
    found = []
    for place, name in enumerate(many):
        where = step(pointer, place) if isinstance(given, list) else pointer
        if isinstance(name, str):
            found.append((where, name))
        else:
            faults.append(Fault(where, "This takes text."))
    return found


def _actions(given: object, pointer: str, faults: list[Fault]) -> frozenset[Action]:
    actions: frozenset[Action] = frozenset()
    for where, pattern in _names(given, pointer, faults):
        named = expand(pattern[:200])
        if not named:
            known = ", ".join(Action)
            faults.append(Fault(where, f"No action is named {pattern[:200]!r}; there are {known}."))
        actions |= named
    return actions


def _targets(given: object, pointer: str, faults: list[Fault]) -> tuple[Target, ...]:
    targets = []
    for where, name in _names(given, pointer, faults):
        try:
            targets.append(Target.parse(name))
        except NameInvalidError as error:
            faults.append(Fault(where, error.detail))
    return tuple(dict.fromkeys(targets))
