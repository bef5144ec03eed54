"""Fit the model that is shipped (config/models/default.json): for `compare`, and for a first load.

Run `make model` after the comparisons, the fit or the synthetic population have changed. Place and contact values
of invented people say nothing about real ones, so their frequencies are not kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from config.fields import CANONICAL_FIELDS
from linkage.model import Frequencies, Model, save_model
from linkage.normalise import normalise
from linkage.record import NormalisedRecord, SourceRecord
from linkage.record_table import table_of
from training.fit import fit
from training.population import records_for

RECORDS = 100_000
SEED = 20_240_131
SHIPPED = Path(__file__).parents[1] / "config" / "models" / "default.json"
OF_INVENTED_PLACES = frozenset({"address", "locality", "phone", "email"})


def fit_shipped_model() -> Model:
    """Fit to the synthetic population; the same every time."""
    fitted = fit(table_of(_records(records_for(RECORDS, seed=SEED).records)), seed=SEED).model
    comparisons = tuple(
        c.model_copy(update={"frequencies": Frequencies(values={}, other=c.frequencies.other)})
        if c.name in OF_INVENTED_PLACES and c.frequencies
        else c
        for c in fitted.comparisons
    )
    return fitted.model_copy(
        update={
            "name": "default",
            "fitted_on": f"the synthetic population, {RECORDS:,} records, seed {SEED}; " + fitted.fitted_on,
            "comparisons": comparisons,
            "generic_values": {},
        }
    )


def _records(records: pa.Table) -> Iterator[NormalisedRecord]:
    fields = [
        name for name in records.column_names if name not in ("source", "source_record_id") and _is_evidence(name)
    ]
    for batch in records.to_batches(max_chunksize=10_000):
        columns = {name: batch.column(name).to_pylist() for name in (*fields, "source", "source_record_id")}
        for i in range(batch.num_rows):
            values = {name: columns[name][i] for name in fields if columns[name][i]}
            yield normalise(SourceRecord(columns["source"][i], columns["source_record_id"][i], values))[0]


def _is_evidence(name: str) -> bool:
    field = CANONICAL_FIELDS.get(name)
    return field is None or field.evidence


if __name__ == "__main__":
    SHIPPED.parent.mkdir(exist_ok=True)
    model = fit_shipped_model()
    save_model(model, SHIPPED)
    sys.stderr.write(f"{SHIPPED.name}: fingerprint {model.fingerprint}\n")
