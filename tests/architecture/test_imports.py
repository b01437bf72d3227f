"""What import-linter cannot say: whose `queries` and `router` a module may use, and where frameworks may be seen."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "backend"
SOURCES = sorted(
    path
    for root in ("backend", "worker", "storage", "backup")
    for path in (ROOT / root).rglob("*.py")
)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def domain(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("part", ["queries", "router"])
def test_a_domain_keeps_its_queries_and_its_router_to_itself(part: str) -> None:
    allowed = {"backend.main"} if part == "router" else set()
    crossings = {
        (module_of(path), name)
        for path in SOURCES
        for name in imported(path)
        if name.startswith("backend.") and name.split(".")[2:3] == [part]
        if domain(name) != domain(module_of(path)) and module_of(path) not in allowed
    }
    assert crossings == set()


def test_only_services_use_queries() -> None:
    strangers = {
        module_of(path)
        for path in BACKEND.rglob("*.py")
        for name in imported(path)
        if "queries" in name.split(".")[2:] and "router" in module_of(path).split(".")
    }
    assert strangers == set()


def test_fastapi_is_seen_by_routers_and_core_alone() -> None:
    allowed = {"backend.main", "backend.webapp"}
    strangers = {
        module_of(path)
        for path in SOURCES
        if any(name.split(".")[0] in {"fastapi", "starlette"} for name in imported(path))
        if "router" not in module_of(path).split(".")
        and not module_of(path).startswith("backend.core.")
        and module_of(path) not in allowed
    }
    # ASGI's types alone, for a middleware.
    assert strangers == {"backend.operations.metrics"}


def test_only_the_backend_loads_fastapi() -> None:
    """It would be a tenth of what it takes to start each command and each of the other processes."""
    paths = [*(BACKEND / "cli").glob("[a-z]*.py"), *(ROOT / "worker" / "tasks").glob("[a-z]*.py")]
    others = {"backend.relay", "backend.letterbox", *map(module_of, paths)} - {
        "backend.cli.openapi"
    }
    load = "import sys; [__import__(name) for name in sys.argv[1:]]; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", load, *others], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(shown.stdout.split())
    assert "sqlalchemy" in loaded
    assert not {"fastapi", "starlette"} & loaded


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [
        module_of(path)
        for path in SOURCES
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []
