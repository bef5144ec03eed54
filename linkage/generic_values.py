"""Values that too many people share: the model names them by digest, and they are no evidence.

The batch engine blanks them set-wise (`BatchEngine.remove_generic`); this is the same for one record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from linkage.model import Model, value_digest
from linkage.record import NormalisedRecord


def without_generic_values(record: NormalisedRecord, model: Model) -> NormalisedRecord:
    """Blank what the model holds to be generic: the record as the model sees it."""
    blanked: dict[str, Any] = {}
    for column, digests in model.generic_values.items():
        value = getattr(record, column)
        if isinstance(value, tuple):
            kept = tuple(item for item in value if value_digest(item) not in digests)
            if kept != value:
                blanked[column] = kept
        elif value is not None and value_digest(value) in digests:
            blanked[column] = None
    return replace(record, **blanked) if blanked else record
