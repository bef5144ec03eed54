"""Route: how many persons there are, for research; nothing from which somebody could be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from fastapi import APIRouter, Depends
from pydantic import Field

from index_service.http.access import RequiresScope
from index_service.http.answering import ReleasingDep
from index_service.http.answers import Answer
from index_service.http.problems import documented
from index_service.store.releasing import Count

router = APIRouter(prefix="/v1", tags=["counts"], dependencies=[Depends(RequiresScope("index/counts"))])

By = Literal["source", "age", "sex"]


class CellAnswer(Answer):
    """A count."""

    cell: str = Field(description="Which persons.", examples=["11 to 15"])
    persons: int | None = Field(
        description="How many; empty: fewer than `smallest`, or withheld so that another count cannot be computed.",
        examples=[412],
    )


class TableAnswer(Answer):
    """Persons by one trait. By source they are counted in each that knows them; by age and sex once."""

    by: By = Field(description="The trait.")
    cells: list[CellAnswer] = Field(description="The counts, in order.")


class CountsAnswer(Answer):
    """How many persons there are among the records of the sources granted; empty for who may not learn it."""

    smallest: int | None = Field(
        description="Smaller counts are not told; empty: there are none to tell.", examples=[11]
    )
    persons: int | None = Field(description="All persons.", examples=[1204])
    tables: list[TableAnswer] = Field(description="By source, age and sex.")

    @classmethod
    def of(cls, counts: Sequence[Count]) -> CountsAnswer:
        total = next((count for count in counts if count.of_what == "all"), None)
        traits = dict.fromkeys(count.of_what for count in counts if count.of_what != "all")
        tables = [
            TableAnswer(
                by=cast("By", trait),
                cells=[CellAnswer(cell=c.cell, persons=c.persons) for c in counts if c.of_what == trait],
            )
            for trait in traits
        ]
        if total is None:
            return cls(smallest=None, persons=None, tables=[])
        return cls(smallest=total.smallest, persons=total.persons, tables=tables)


@router.get("/counts", responses=documented(400, 503))
async def read_counts(releasing: ReleasingDep) -> CountsAnswer:
    """How many persons there are, by source, age and sex; small counts are withheld, and what they follow from."""
    return CountsAnswer.of(await releasing.counts())
