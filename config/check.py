"""Look through a configuration folder and list everything that is wrong with it and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from config.agreements import Agreement, contradictions
from config.errors import ConfigError
from config.nights import NightsConfig
from config.pmap import PmapConfig, unknown_sources
from config.policy import LinkagePolicy
from config.purposes import Purposes
from config.reading import try_config
from config.sources import SourceConfig

CONFIG_FOLDER = Path(__file__).parent

# A record without these can hardly be told from another; a source that lacks one is probably mapped wrongly.
_IDENTIFYING_FIELDS = ("first_name", "last_name", "birth_date")


@dataclass(frozen=True, slots=True)
class ConfigFinding:
    """One thing to mend. An error keeps the index from starting; a warning is worth a look."""

    severity: Literal["error", "warning"]
    file: str
    key: str
    problem: str
    mend: str


def check_configuration(folder: Path | None = None) -> list[ConfigFinding]:
    """Check a folder laid out as the shipped one: `sources/*.yaml`, `policy.yaml`, `policies/*.yaml`,
    `purposes.yaml`, `agreements/*.yaml`, `pmap.yaml`, `nights.yaml`.

    Returns:
        Errors first, then warnings, each by file; empty if all is well.
    """
    folder = folder or CONFIG_FOLDER
    findings = [
        *_check_sources(folder / "sources"),
        *_check_policies(folder),
        *_check_purposes(folder),
        *_check_agreements(folder),
        *_check_pmap(folder),
        *_check_nights(folder),
    ]
    return sorted(findings, key=lambda finding: (finding.severity != "error", finding.file, finding.key))


def _check_sources(folder: Path) -> Iterator[ConfigFinding]:
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        mend = "Put one <source>.yaml per source system there."
        yield ConfigFinding("error", str(folder), "", "there are no source files", mend)
    for path in paths:
        source, problems = try_config(path, SourceConfig)
        yield from map(_as_error, problems)
        if source is not None:
            yield from _check_source(path, source)
    for path in sorted(folder.glob("*.yml")):
        yield ConfigFinding("warning", str(path), "", "the file is not read", "Rename it to end in .yaml.")


def _check_source(path: Path, source: SourceConfig) -> Iterator[ConfigFinding]:
    if source.id != path.stem:
        yield ConfigFinding("error", str(path), "id", "the id differs from the file's name", "Make the two the same.")
    for field in _IDENTIFYING_FIELDS:
        if field not in source.fields:
            mend = "Map the department's column for it, if the extract has one."
            yield ConfigFinding("warning", str(path), "columns", f"no column fills {field}", mend)
    if not source.expectations.min_filled:
        mend = "Say which share of rows must hold a name and a birth date, so that a broken extract is stopped."
        yield ConfigFinding("warning", str(path), "expectations.min_filled", "nothing is expected of the values", mend)
    if not source.laws:
        mend = "Ask counsel which law bounds the release of its records."
        yield ConfigFinding("warning", str(path), "laws", "no law is named", mend)


def _check_policies(folder: Path) -> Iterator[ConfigFinding]:
    names: dict[str, Path] = {}
    for path in [folder / "policy.yaml", *sorted((folder / "policies").glob("*.yaml"))]:
        policy, problems = try_config(path, LinkagePolicy)
        yield from map(_as_error, problems)
        if policy is None:
            continue
        if policy.name in names:
            problem = f"the name {policy.name!r} is also that of {names[policy.name].name}"
            yield ConfigFinding("error", str(path), "name", problem, "Give each policy a name of its own.")
        names[policy.name] = path


def _check_purposes(folder: Path) -> Iterator[ConfigFinding]:
    _, problems = try_config(folder / "purposes.yaml", Purposes)
    yield from map(_as_error, problems)


def _check_agreements(folder: Path) -> Iterator[ConfigFinding]:
    """The agreements, each by itself and against the sources and purposes; those that cannot be read are told above."""
    sources = {path.stem: try_config(path, SourceConfig)[0] for path in (folder / "sources").glob("*.yaml")}
    purposes, _ = try_config(folder / "purposes.yaml", Purposes)
    for path in sorted((folder / "agreements").glob("*.yaml")):
        agreement, problems = try_config(path, Agreement)
        yield from map(_as_error, problems)
        if agreement is None or purposes is None:
            continue
        if agreement.id != path.stem:
            mend = "Make the two the same."
            yield ConfigFinding("error", str(path), "id", "the id differs from the file's name", mend)
        readable = {name: source for name, source in sources.items() if source is not None}
        for key, problem, mend in contradictions(agreement, readable, purposes):
            yield ConfigFinding("error", str(path), key, problem, mend)


def _check_pmap(folder: Path) -> Iterator[ConfigFinding]:
    path = folder / "pmap.yaml"
    config, problems = try_config(path, PmapConfig)
    yield from map(_as_error, problems)
    if config is not None:
        for key, problem, mend in unknown_sources(config, {file.stem for file in (folder / "sources").glob("*.yaml")}):
            yield ConfigFinding("error", str(path), key, problem, mend)


def _check_nights(folder: Path) -> Iterator[ConfigFinding]:
    yield from map(_as_error, try_config(folder / "nights.yaml", NightsConfig)[1])


def _as_error(error: ConfigError) -> ConfigFinding:
    return ConfigFinding("error", error.file, error.key, error.problem, error.mend)
