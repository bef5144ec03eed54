"""`person-index check`: what is wrong with configuration and database, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. An error keeps the index from working; a warning is worth a look."""

    severity: Literal["error", "warning"]
    where: str
    problem: str
    mend: str


@app.command(epilog=examples("person-index check", "person-index check --json"))
def check(as_json: AsJson = False) -> None:
    """Look through configuration, database and model; list what is wrong and how to mend it.

    Ends with 1 if there is an error.
    """
    findings = [*_configuration(), *_database()]
    errors = sum(finding.severity == "error" for finding in findings)
    figures = {"errors": errors, "findings": [asdict(finding) for finding in findings]}
    answer(figures, [_line(finding) for finding in findings] or ["All is well."], as_json=as_json)
    if errors:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    return f"{finding.severity}: {finding.where}: {finding.problem}. {finding.mend}"


def _configuration() -> list[Finding]:
    from config.check import check_configuration

    return [
        Finding(found.severity, f"{found.file}: {found.key or '(whole file)'}", found.problem, found.mend)
        for found in check_configuration()
    ]


def _database() -> list[Finding]:
    """Whether the database answers, is up to date, and has records and a model. Changes nothing but the schema."""
    from index_service.database import open_database
    from index_service.failures import describe
    from index_service.models import model_in_use
    from index_service.store.extract import count_records_to_link

    try:
        with open_database() as conn:
            waiting = count_records_to_link(conn)
            found = []
            if waiting:
                mend = "Run: person-index relink"
                found.append(Finding("warning", "database", f"{waiting:,} records wait to be linked", mend))
            try:
                model_in_use(conn)
            except Exception as error:
                found.append(Finding("warning", "model", describe(error)[1].rstrip("."), "Run: person-index train"))
            return found
    except Exception as error:
        _, message, hint, _ = describe(error)
        return [Finding("error", "database", message.rstrip("."), hint)]
