"""The decision and the policy language, without a database."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.access.actions import Action, expand
from backend.access.conditions import address_of, holds, parse_condition
from backend.access.errors import NameInvalidError, PolicyInvalidError
from backend.access.evaluator import PolicyEvaluator
from backend.access.language import parse_policy, rules_of
from backend.access.rules import Effect, Principal, Request, Resource, Rule, Scope, Target

READ = Action.DOCUMENT_READ
ME = Principal.of_user(7)
DOCUMENT = Resource((1, 2, 3), 45)


def rule(effect: Effect, target: str, *actions: Action) -> Rule:
    return Rule(ME, effect, frozenset(actions or (READ,)), Target.parse(target))


def allowed(rules: list[Rule], resource: Resource = DOCUMENT, action: Action = READ) -> bool:
    return PolicyEvaluator(rules).decide(Request(action, resource, {})).allowed


@pytest.mark.parametrize(
    ("target", "covers_document", "covers_folder"),
    [
        ("*", True, True),
        ("dms:folder:*", False, True),
        ("dms:document:*", True, False),
        ("dms:folder:1", False, False),
        ("dms:folder:3", False, True),
        ("dms:folder:1/*", True, True),
        ("dms:folder:3/*", True, False),
        ("dms:folder:4/*", False, False),
        ("dms:document:45", True, False),
        ("dms:document:46", False, False),
    ],
)
def test_targets_cover(target: str, *, covers_document: bool, covers_folder: bool) -> None:
    assert Target.parse(target).covers(DOCUMENT) is covers_document
    assert Target.parse(target).covers(Resource((1, 2, 3))) is covers_folder


def test_a_tree_is_a_folder_and_all_below() -> None:
    tree = Target(Scope.TREE, 2)
    assert [tree.covers(Resource(path)) for path in ((1,), (1, 2), (1, 2, 3))] == [
        False,
        True,
        True,
    ]
    assert tree.covers(DOCUMENT)


def test_nothing_matches_means_no() -> None:
    assert PolicyEvaluator([]).decide(Request(READ, DOCUMENT, {})).rule is None
    assert not allowed([rule(Effect.ALLOW, "*", Action.DOCUMENT_UPDATE)])


def test_deny_wins_wherever_it_stands() -> None:
    above = rule(Effect.DENY, "dms:folder:1/*")
    below = rule(Effect.ALLOW, "dms:document:45")
    for rules in ([above, below], [below, above]):
        decision = PolicyEvaluator(rules).decide(Request(READ, DOCUMENT, {}))
        assert (decision.allowed, decision.rule) == (False, above)


def test_the_nearest_rule_decides_among_those_of_one_effect() -> None:
    everything, near = rule(Effect.ALLOW, "*"), rule(Effect.ALLOW, "dms:folder:3/*")
    decision = PolicyEvaluator([everything, near]).decide(Request(READ, DOCUMENT, {}))
    assert decision.rule == near


def test_patterns_name_actions() -> None:
    assert expand("*") == frozenset(Action)
    assert expand("dms:document:?ead") == {READ}
    assert expand("DMS:Document:read") == {READ}
    assert expand("dms:folder:Creat") == frozenset()
    assert expand("[a-z]*") == frozenset()
    assert len(expand("*" * 50)) == len(Action)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"dms:tag": "red"}}, True),
        ({"StringEquals": {"dms:tag": ["green", "blue"]}}, True),
        ({"StringEquals": {"dms:tag": "Red"}}, False),
        ({"StringNotEquals": {"dms:tag": "red"}}, False),
        ({"ForAnyValue:StringNotEquals": {"dms:tag": "red"}}, True),
        ({"ForAllValues:StringEquals": {"dms:tag": ["red", "blue"]}}, True),
        ({"ForAllValues:StringEquals": {"dms:tag": ["red"]}}, False),
        ({"StringLike": {"dms:name": "*.p?f"}}, True),
        ({"StringLike": {"dms:name": "*.p?"}}, False),
        ({"StringEquals": {"dms:owner": "${user.id}"}}, True),
        ({"StringEquals": {"dms:classification": "secret"}}, False),
        ({"StringNotEquals": {"dms:classification": "secret"}}, True),
        ({"StringEqualsIfExists": {"dms:classification": "secret"}}, True),
        ({"Null": {"dms:classification": "true"}}, True),
        ({"Null": {"dms:tag": True}}, False),
        ({"NumericGreaterThanEquals": {"dms:size": 10}}, True),
        ({"NumericLessThan": {"dms:size": "9.5"}}, False),
        ({"DateLessThan": {"dms:currentTime": "2026-06-01"}}, True),
        ({"DateGreaterThan": {"dms:currentTime": "2026-05-01T12:00:00+02:00"}}, False),
        ({"Bool": {"dms:administrator": "false"}}, True),
        ({"IpAddress": {"dms:sourceIp": ["192.0.2.0/24", "10.0.0.0/8"]}}, True),
        ({"NotIpAddress": {"dms:sourceIp": "10.1.2.3"}}, False),
        ({"IpAddress": {"dms:sourceIp": "::/0"}}, False),
        (
            {
                "StringEquals": {"dms:tag": "red", "dms:name": "b.pdf"},
                "Bool": {"dms:administrator": False},
            },
            False,
        ),
        ({}, True),
    ],
)
def test_conditions_hold(condition: dict[str, Any], *, expected: bool) -> None:
    attributes: dict[str, Any] = {
        "dms:tag": ("red", "blue"),
        "dms:name": ("a.pdf",),
        "dms:owner": ("7",),
        "dms:userId": ("7",),
        "dms:size": (10,),
        "dms:currentTime": (datetime(2026, 5, 1, tzinfo=UTC),),
        "dms:administrator": (False,),
        "dms:sourceIp": address_of("::ffff:10.1.2.3"),
    }
    faults: list[Any] = []
    assert holds(parse_condition(condition, "", faults), attributes) is expected
    assert faults == []


def test_numbers_are_compared_exactly() -> None:
    [test] = parse_condition({"NumericEquals": {"dms:size": 2**63 + 1}}, "", [])
    assert test.values == (Decimal(2**63 + 1),)
    assert not holds((test,), {"dms:size": (2**63,)})


def statement(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "dms:document:Read", "Resource": "*", **changes}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({"Version": "2012-10-17", "Statement": [statement()]}, "/Version"),
        ({"Version": "1"}, "/Statement"),
        ({"Version": "1", "Statement": []}, "/Statement"),
        ({"Version": "1", "Statement": [statement()], "Id/x": 1}, "/Id~1x"),
        ({"Version": "1", "Statement": [statement(), 5]}, "/Statement/1"),
        ({"Version": "1", "Statement": [statement(Effect="allow")]}, "/Statement/0/Effect"),
        ({"Version": "1", "Statement": [statement(Effect=[])]}, "/Statement/0/Effect"),
        ({"Version": "1", "Statement": [statement(Action=[])]}, "/Statement/0/Action"),
        (
            {"Version": "1", "Statement": [statement(Action=["*", "dms:x"])]},
            "/Statement/0/Action/1",
        ),
        ({"Version": "1", "Statement": statement(Action="dms:x")}, "/Statement/Action"),
        (
            {"Version": "1", "Statement": [statement(Resource=["dms:folder:1?"])]},
            "/Statement/0/Resource/0",
        ),
        ({"Version": "1", "Statement": [statement(NotAction="*")]}, "/Statement/0/NotAction"),
        (
            {"Version": "1", "Statement": [statement(Sid="a"), statement(Sid="a")]},
            "/Statement/1/Sid",
        ),
        (
            {"Version": "1", "Statement": [statement(Condition={"StringIs": {"dms:tag": "x"}})]},
            "/Statement/0/Condition/StringIs",
        ),
        (
            {"Version": "1", "Statement": [statement(Condition={"Bool": {"dms:tag": True}})]},
            "/Statement/0/Condition/Bool/dms:tag",
        ),
        (
            {
                "Version": "1",
                "Statement": [
                    statement(Condition={"StringEquals": {"dms:property/a": ["x", None]}})
                ],
            },
            "/Statement/0/Condition/StringEquals/dms:property~1a/1",
        ),
        (
            {
                "Version": "1",
                "Statement": [statement(Condition={"StringEquals": {"dms:owner": "${user.x}"}})],
            },
            "/Statement/0/Condition/StringEquals/dms:owner",
        ),
        (
            {
                "Version": "1",
                "Statement": [statement(Condition={"IpAddress": {"dms:sourceIp": "10.0.0.300"}})],
            },
            "/Statement/0/Condition/IpAddress/dms:sourceIp",
        ),
    ],
)
def test_faults_are_pointed_at(document: Any, pointer: str) -> None:
    with pytest.raises(PolicyInvalidError) as refused:
        parse_policy(document)
    errors = refused.value.data["errors"]
    assert isinstance(errors, list)
    assert pointer in {error["pointer"] for error in errors}


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"dms:administrator": [[]]}},
        {"NumericEquals": {"dms:size": "1e999999"}},
        {"NumericEquals": {"dms:size": "nan"}},
        {"NumericEquals": {"dms:size": True}},
        {"DateEquals": {"dms:createdAt": "0001-01-01T00:00:00+14:00"}},
        {"DateEquals": {"dms:createdAt": 5}},
        {"StringEquals": {"dms:name": {"a": 1}}},
        {"StringEquals": {"dms:name": []}},
        {"StringEquals": []},
        {"StringEquals": {"dms:property/": "x"}},
        {"ForSome:StringEquals": {"dms:tag": "x"}},
        {"IpAddress": {"dms:sourceIp": 1}},
        [],
    ],
)
def test_values_that_cannot_be_compared(condition: Any) -> None:
    faults: list[Any] = []
    assert parse_condition(condition, "", faults) == ()
    assert len(faults) == 1


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(PolicyInvalidError) as refused:
        parse_policy({"Statement": [statement(Effect="?", Action="?"), statement(Resource="?")]})
    errors = refused.value.data["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 4


def test_a_policy_compiles_into_a_rule_for_each_resource() -> None:
    statements = parse_policy(
        {"Version": "1", "Statement": [statement(Resource=["dms:folder:1", "dms:folder:1/*"])]}
    )
    assert [(str(one.target), one.statement) for one in rules_of(statements, ME, 9)] == [
        ("dms:folder:1", 0),
        ("dms:folder:1/*", 0),
    ]


@pytest.mark.parametrize("text", ["7", "user:", "user:x", "role:1", "user:99999999999999999999"])
def test_what_names_nobody(text: str) -> None:
    with pytest.raises(NameInvalidError):
        Principal.parse(text)
