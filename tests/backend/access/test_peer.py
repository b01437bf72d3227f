"""Our evaluation of policies beside that of moto (`moto.iam.access_control`), which stands in for AWS in many tests.

Where the two coincide, random policies and requests get the same answer of both:

- which actions `*` and `?` name, and that case does not matter there;
- which resources `*`, `dms:*`, `dms:document:*`, `dms:folder:*`, a document, a folder, and `dms:folder:12/*` name;
- that any Deny that matches wins over any Allow, that any Allow is enough without, and that nothing means no, whatever
  the order of statements, one statement or many, names or lists of names;
- `StringEquals` of attributes that are there, with one value or many to compare with, of one key or several.

Where they differ on purpose, the peer is asked in its own way:

- The peer matches case; IAM and we do not. It is asked in lower case.
- The peer takes patterns for regular expressions, in which `?` is something else; it is given `.` there.
- To the peer a resource is a text. Ours have a place in a tree, and are named from each folder they are in: a document
  45 in folder 2 in folder 1 is `dms:document:45`, `dms:folder:2/45` and `dms:folder:1/2/45`. A statement speaks of it
  if it names one of these. `dms:folder:*` is folders alone to us: documents are not asked about with it.
- A statement whose condition does not hold says nothing, to IAM and to us; the peer refuses what it names. Whether the
  condition holds it is asked beforehand, and statements whose condition does not are kept from it.
- Of conditions the peer knows `StringEquals` alone and takes all others for true, and pairs values with keys by their
  place, which goes wrong where an attribute is absent: only attributes that are there are compared.
- Patterns that name no action, and patterns within ids (`dms:folder:1?`), are faults to us and never match to the peer.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.policy_conditions import TrustRelationShipConditions

from backend.access.actions import Action, expand
from backend.access.conditions import holds, parse_condition
from backend.access.evaluator import PolicyEvaluator
from backend.access.language import parse_policy, rules_of
from backend.access.rules import Principal, Request, Resource

ME = Principal.of_user(7)
CASES = int(os.environ.get("DMS_ACCESS_CASES", "500"))
IDS = st.integers(1, 6)
ATTRIBUTES = ("dms:name", "dms:owner", "dms:property/client", "dms:status")
WORDS = st.sampled_from(["red", "Red", "blue", "", "a*", "?"])

many_cases = settings(
    max_examples=CASES,
    deadline=None,
    # No shared database of examples, and no state in one: the same run for everybody.
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


@dataclass(frozen=True)
class Thing:
    """A folder or a document, and its names."""

    resource: Resource

    @property
    def is_document(self) -> bool:
        return self.resource.document_id is not None

    @property
    def names(self) -> list[str]:
        """All that a policy may call it by, in the manner of AWS."""
        path, document = self.resource.path, self.resource.document_id
        own = [f"dms:folder:{path[-1]}"] if document is None else [f"dms:document:{document}"]
        within = path if document is not None else path[:-1]
        below = [*path[1:], *([] if document is None else [document])]
        steps = [str(one) for one in below]
        return own + [
            f"dms:folder:{'/'.join([str(folder), *steps[place:]])}"
            for place, folder in enumerate(within)
        ]


@st.composite
def things(draw: st.DrawFn) -> Thing:
    path = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    return Thing(Resource(tuple(path), draw(st.none() | IDS)))


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """A pattern that names at least the action it was made of: parts of it replaced, in any case."""
    action = draw(st.sampled_from(Action))
    cuts = sorted(draw(st.sets(st.integers(1, len(action) - 1), max_size=4)))
    parts = [action[start:end] for start, end in pairwise([0, *cuts, len(action)])]
    return "".join(
        draw(st.sampled_from([part, part, part.swapcase(), "?" * len(part), "*", f"{part}*"]))
        for part in parts
    )


def targets(thing: Thing) -> st.SearchStrategy[str]:
    forms = ["*", "dms:*", "dms:document:*", *([] if thing.is_document else ["dms:folder:*"])]
    resource = thing.resource
    # As often of the thing asked about, or what it is in, as of any.
    folders = st.sampled_from(resource.path) | IDS
    documents = IDS if resource.document_id is None else st.just(resource.document_id) | IDS
    return st.one_of(
        st.sampled_from(forms),
        folders.map("dms:folder:{}".format),
        folders.map("dms:folder:{}/*".format),
        documents.map("dms:document:{}".format),
    )


def one_or_many(names: st.SearchStrategy[str]) -> st.SearchStrategy[str | list[str]]:
    return names | st.lists(names, min_size=1, max_size=3)


conditions = st.dictionaries(
    st.sampled_from(ATTRIBUTES), one_or_many(WORDS), min_size=1, max_size=3
).map(lambda tests: {"StringEquals": tests})


@st.composite
def statements(draw: st.DrawFn, thing: Thing) -> dict[str, Any]:
    statement = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        "Action": draw(one_or_many(patterns())),
        "Resource": draw(one_or_many(targets(thing))),
    }
    condition = draw(st.none() | conditions)
    return statement if condition is None else {**statement, "Condition": condition}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, Action, Thing, dict[str, str]]:
    """A policy, and what is asked of it: an action on a thing whose attributes are these."""
    thing = draw(things())
    found = draw(st.lists(statements(thing), min_size=1, max_size=4))
    one = found[0] if len(found) == 1 and draw(st.booleans()) else found
    named = found[0]["Action"]
    spoken_of = sorted(expand(named if isinstance(named, str) else named[0]))
    action = draw(st.sampled_from(spoken_of) | st.sampled_from(Action))
    attributes = {key: draw(WORDS) for key in ATTRIBUTES}
    return {"Version": "1", "Statement": one}, action, thing, attributes


def ours(policy: Any, action: Action, thing: Thing, attributes: dict[str, str]) -> bool:
    known = {key: (value,) for key, value in attributes.items()}
    rules = rules_of(parse_policy(policy), ME, 1)
    return PolicyEvaluator(rules).decide(Request(action, thing.resource, known)).allowed


def theirs_holds(condition: Any, attributes: dict[str, str]) -> bool:
    # The keys of one operator are compared with values by their place.
    return all(
        one.verify_condition([attributes[key] for key in one.context_keys])
        for one in TrustRelationShipConditions(condition)
    )


def for_the_peer(names: str | list[str]) -> str | list[str]:
    if isinstance(names, list):
        return [name.lower().replace("?", ".") for name in names]
    return names.lower().replace("?", ".")


def theirs(policy: Any, action: Action, thing: Thing, attributes: dict[str, str]) -> bool:
    given = policy["Statement"]
    kept = [
        {
            "Effect": one["Effect"],
            "Action": for_the_peer(one["Action"]),
            "Resource": one["Resource"],
        }
        for one in (given if isinstance(given, list) else [given])
        if theirs_holds(one.get("Condition", {}), attributes)
    ]
    asked = kept if isinstance(given, list) else (kept or [[]])[0]
    document = json.dumps({"Version": "2012-10-17", "Statement": asked})
    peer = IAMPolicy(document)
    if asked == []:
        return False
    said = {peer.is_action_permitted(action.lower(), name) for name in thing.names}
    return PermissionResult.PERMITTED in said and PermissionResult.DENIED not in said


@pytest.mark.slow
@many_cases
@given(cases())
def test_policies_get_the_same_answer(case: tuple[Any, Action, Thing, dict[str, str]]) -> None:
    assert ours(*case) is theirs(*case)


@many_cases
@given(patterns(), st.sampled_from(Action))
def test_patterns_name_the_same_actions(pattern: str, action: Action) -> None:
    statement = {"Effect": "Allow", "Action": for_the_peer(pattern), "Resource": "*"}
    peer = IAMPolicy(json.dumps({"Statement": [statement]}))
    permitted = peer.is_action_permitted(action.lower()) is PermissionResult.PERMITTED
    assert (action in expand(pattern)) is permitted


@many_cases
@given(conditions, st.fixed_dictionaries(dict.fromkeys(ATTRIBUTES, WORDS)))
def test_conditions_hold_of_the_same_attributes(condition: Any, attributes: dict[str, str]) -> None:
    faults: list[Any] = []
    parsed = parse_condition(condition, "", faults)
    assert faults == []
    known = {key: (value,) for key, value in attributes.items()}
    assert holds(parsed, known) is theirs_holds(condition, attributes)


def test_both_answers_come_up() -> None:
    """Cases that are all refused would agree without saying anything."""
    counted: Counter[bool] = Counter()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(cases())
    def count(case: tuple[Any, Action, Thing, dict[str, str]]) -> None:
        counted[ours(*case)] += 1

    count()
    assert min(counted[True], counted[False]) > 30, counted
