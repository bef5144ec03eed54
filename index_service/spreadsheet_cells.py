"""Keep a spreadsheet from running what a record contains."""

from __future__ import annotations

# A spreadsheet takes a cell that begins with one of these for a formula; tab and return hide one of them behind.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(cell: str) -> str:
    """Return the cell so that a spreadsheet shows it and does not calculate it: formula-like text gets a leading `'`.

    For files that people open (reject files, exports to look at). Files that machines read back keep their
    cells as they are, since an id must come back exactly: the output of `link` and `compare`.
    """
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
