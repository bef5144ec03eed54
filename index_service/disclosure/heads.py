"""The seals of the ledger as they are kept outside the database: a file with a line for each block.

Without it, who can write to the database could cut off the end of the ledger, or write all of it anew. Copy the file
where the database's administrators do not reach: each line stands for all disclosures up to then.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from index_service.errors import InputError
from index_service.store.ledger import Head


class HeadsUnreadable(InputError):
    """The file of the ledger's seals cannot be read."""

    hint = "Each line is the number of a block and its digest in hexadecimal; restore the file from its copy."


def append_heads(path: Path, heads: Sequence[Head]) -> None:
    """Add seals at the end of the file, and have them on the disk when this returns."""
    if not heads:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.writelines(f"{head.block_no} {head.digest.hex()}\n" for head in heads)
        file.flush()
        os.fsync(file.fileno())


def read_heads(path: Path) -> list[Head]:
    """All seals kept; none if there is no file yet.

    Raises:
        HeadsUnreadable: a line is no seal; says which.
    """
    if not path.exists():
        return []
    heads = []
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        try:
            block, digest = line.split()
            heads.append(Head(int(block), bytes.fromhex(digest)))
        except ValueError:
            raise HeadsUnreadable(f"Line {number} of {path.name} is no seal of the ledger.") from None
    return heads
