""".env.example names and explains every setting, with its default."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from backend.core.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
SHOWN = dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
COMPOSE = re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text())


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"DMS_{field.upper()}"


VARIABLES = {variable(field): field for field in Settings.model_fields}


def test_no_setting_is_missing_and_none_is_invented() -> None:
    assert set(SHOWN) == set(VARIABLES) | {name for name, _ in COMPOSE}


def test_every_line_is_a_setting_or_says_something_about_one() -> None:
    lines = [line for line in EXAMPLE.splitlines() if line]
    assert all(line.startswith("# ") or re.match(r"#[A-Z_]+=", line) for line in lines)


def test_the_values_shown_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    defaults = Settings()
    for name in VARIABLES:
        if SHOWN[name]:
            monkeypatch.setenv(name, SHOWN[name])
    assert Settings() == defaults
    unset = {VARIABLES[name] for name in VARIABLES if not SHOWN[name]}
    assert unset == {field for field, value in defaults if value is None}


def test_the_values_shown_are_those_of_compose_too() -> None:
    shown = {name: SHOWN[name] for name, _ in COMPOSE}
    assert shown == dict(COMPOSE)
