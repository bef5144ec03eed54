"""Loads the named statements of a `.sql` file: the SQL of a module lies beside it in `sql/<module>.sql`.

A statement begins with `-- name: <name>`, then at least one comment line that says what it does.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString

_NAME = re.compile(r"^-- name: (?P<name>[a-z_]+)$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*--.*\n?", re.MULTILINE)


class Statements:
    """The statements of one file, by name."""

    def __init__(self, module: str, text: str) -> None:
        self.module = module
        parts = _NAME.split(text)
        described = {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
        undescribed = [name for name, body in described.items() if not body.startswith("-- ")]
        if undescribed:
            raise ValueError(f"sql/{module}.sql: no description for {', '.join(undescribed)}")
        # sent without comments: the driver keeps only texts of up to 4,096 bytes taken apart
        self._by_name: dict[str, LiteralString] = {
            name: _COMMENT.sub("", body).strip() for name, body in described.items()
        }

    def __getitem__(self, name: str) -> LiteralString:
        """The text of a statement. It comes from our own files, hence as good as a literal."""
        return self._by_name[name]

    def names(self) -> list[str]:
        return list(self._by_name)


@cache
def statements(module: str) -> Statements:
    """The statements of `index_service/store/sql/<module>.sql`."""
    path = resources.files("index_service.store") / "sql" / f"{module}.sql"
    return Statements(module, path.read_text(encoding="utf-8"))
