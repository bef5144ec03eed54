"""How the memory that a linking may take is divided."""

from __future__ import annotations

ENGINE_SHARE = 0.375
"""Of the memory given, what DuckDB may hold before it uses the disk. The rest is for arrays of pairs and for the
records themselves: at a million records 1.3 GB of 4, however little DuckDB may hold."""


def duckdb_limit(memory_limit_gb: float) -> str:
    """DuckDB's `memory_limit` in a linking that may take so many GB."""
    return f"{memory_limit_gb * ENGINE_SHARE * 1000:.0f}MB"
