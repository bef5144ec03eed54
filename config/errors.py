"""What is wrong with a configuration file, said so that the reader can mend it."""

from __future__ import annotations

from pathlib import Path


class ConfigError(Exception):
    """A configuration file cannot be used as it stands."""

    def __init__(self, file: Path | str, key: str, problem: str, mend: str) -> None:
        self.file = str(file)
        self.key = key
        self.problem = problem
        self.mend = mend
        super().__init__(f"{self.file}: {key or '(whole file)'}: {problem}. {mend}")
