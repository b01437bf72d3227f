"""Rules: which apply to an item, and what they make of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from backend.intake.rules import Facts, decide
from backend.intake.schemas import Rule
from tests.backend.intake.conftest import Ways
from tests.support.api import Api

FACTS = Facts(
    source_id=4,
    source="Scanner",
    name="Invoice 17.PDF",
    media_type="application/pdf",
    at=datetime(2026, 3, 2, tzinfo=UTC),
    sender="Billing@Example.org",
    subject="Your invoice / March",
)


def rule(when: dict[str, Any] | None = None, **values: Any) -> Rule:
    stop = values.pop("stop", False)
    name = values.pop("called", "R")
    return Rule.model_validate({"name": name, "when": when or {}, "then": values, "stop": stop})


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ({}, True),
        ({"name": "invoice*.pdf"}, True),
        ({"name": "*.doc"}, False),
        ({"sender": "*@example.org", "subject": "*INVOICE*"}, True),
        ({"sender": "*@example.org", "subject": "*reminder*"}, False),
        ({"media_type": "application/*", "source_ids": [3, 4]}, True),
        ({"source_ids": [3]}, False),
        ({"text": "due date"}, False),
        ({"name": "[i]nvoice*"}, False),
        ({"name": "invoice ?[!0-9]*"}, False),
    ],
    ids=[
        "all",
        "name",
        "other",
        "two",
        "one-of-two",
        "source",
        "other-source",
        "text",
        "bracket",
        "brackets",
    ],
)
def test_all_that_is_given_must_hold(when: dict[str, Any], *, applies: bool) -> None:
    assert bool(decide([rule(when)], FACTS).applied) is applies


def test_brackets_are_what_they_are() -> None:
    facts = Facts(4, "Scanner", "[Draft] a.txt", "text/plain", FACTS.at)
    assert decide([rule({"name": "[draft] *"})], facts).applied == ["R"]


def test_an_unknown_fact_matches_nothing() -> None:
    facts = Facts(4, "Scanner", "a.txt", "text/plain", FACTS.at)
    assert decide([rule({"sender": "*"})], facts).applied == []


def test_text_is_found_whatever_its_case_and_its_lines() -> None:
    asked = [rule({"text": "DUE date"})]
    assert decide(asked, FACTS, text="the due\n  Date is").applied == ["R"]
    assert decide(asked, FACTS, text="overdue").applied == []


def test_later_rules_override_and_tags_add_up_until_one_stops() -> None:
    decision = decide(
        [
            rule(called="one", folder_id=1, subfolder="{year}/{month}", tags=["a"], type="x"),
            rule(called="two", name="{subject}", tags=["a", "b"], properties={"p": 1}, stop=True),
            rule(called="three", folder_id=3),
        ],
        FACTS,
    )
    assert decision.applied == ["one", "two"]
    assert (decision.folder_id, decision.subfolder) == (1, ("2026", "03"))
    assert decision.name == "Your invoice _ March.PDF"
    assert decision.tags == ["a", "b"]
    assert decision.properties == {"type": "x", "p": 1}


def test_what_comes_from_outside_makes_no_folders_of_its_own() -> None:
    facts = Facts(4, "S", "a.pdf", "application/pdf", FACTS.at, subject="../../etc/passwd\n")
    decision = decide([rule(subfolder="{subject}/{sender}/x", name="{subject}")], facts)
    assert decision.subfolder == (".._.._etc_passwd", "x")
    assert decision.name == ".._.._etc_passwd.pdf"


@pytest.mark.parametrize("template", ["{nobody}", "{year", "year}", "{0.__class__}"])
def test_a_template_with_unknown_names_is_refused(template: str) -> None:
    with pytest.raises(ValidationError):
        rule(subfolder=template)


def test_a_glob_that_would_take_for_ever_takes_no_time() -> None:
    facts = Facts(4, "S", "a" * 250, "text/plain", FACTS.at)
    assert decide([rule({"name": "*a" * 90 + "b"})], facts).applied == []


async def test_rules_are_read_replaced_and_protected_from_each_other(ways: Ways) -> None:
    none = await ways.api.get("/intake/rules")
    assert (none.json(), none.headers["etag"]) == ({"items": [], "revision": 0}, '"0"')
    first = {"name": "First", "when": {"name": "*.pdf"}, "then": {"tags": ["pdf"]}}
    body = {"items": [first, {"name": "Second"}]}
    put = await ways.api.put("/intake/rules", body, headers={"If-Match": '"0"'})
    assert put.status_code == 200, put.text
    assert [one["id"] for one in put.json()["items"]] == [1, 2]
    stale = await ways.api.put("/intake/rules", body, headers={"If-Match": '"0"'})
    assert (stale.status_code, stale.headers.get("etag")) == (412, None)
    assert stale.json()["etag"] == '"1"'
    kept = {"items": [{**put.json()["items"][1]}, {"name": "Third"}]}
    again = await ways.api.put("/intake/rules", kept, headers={"If-Match": '"1"'})
    assert [(one["id"], one["name"]) for one in again.json()["items"]] == [
        (2, "Second"),
        (3, "Third"),
    ]
    assert (await ways.api.get("/intake/rules")).json() == again.json()
    changes = await ways.trail("intake.rules_changed")
    assert [len(one["data"]["new"]) for one in changes] == [2, 2]


async def test_a_rule_names_only_what_is_there(ways: Ways, stranger: Api) -> None:
    foreign = await stranger.folder("Elsewhere")
    for wrong in ({"then": {"folder_id": foreign}}, {"when": {"source_ids": [10**9]}}):
        body = {"items": [{"name": "Good"}, {"name": "Wrong", **wrong}]}
        answer = await ways.api.put("/intake/rules", body, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["rule"]) == (422, 1), wrong


async def test_rules_are_tried_without_anything_being_done(ways: Ways) -> None:
    cabinet = await ways.api.folder("Accounting")
    source = await ways.folder_source()
    saved = {
        "name": "Invoices",
        "when": {"source_ids": [source["id"]], "media_type": "application/pdf"},
        "then": {"folder_id": cabinet, "subfolder": "{year}", "type": "invoice", "tags": ["in"]},
    }
    await ways.rules(saved)
    asked = {"name": "invoice.pdf", "source_id": source["id"]}
    told = (await ways.api.post("/intake/rules/try", json=asked)).json()
    assert told["applied"] == ["Invoices"]
    assert told["folder"] == {"id": cabinet, "name": "Accounting", "path": "Accounting"}
    assert (told["type"], told["tags"], told["properties"]) == ("invoice", ["in"], {})
    assert len(told["subfolder"]) == 4
    unsaved = [{"name": "On text", "when": {"text": "reminder"}, "then": {"name": "r"}}]
    tried = {**asked, "rules": unsaved, "text": "a REMINDER"}
    told = (await ways.api.post("/intake/rules/try", json=tried)).json()
    assert (told["applied"], told["name"]) == (["On text"], "r.pdf")
    assert told["folder"]["id"] == source["folder"]["id"]
