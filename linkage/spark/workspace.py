"""Where the stages on Spark leave what they found: one Parquet folder for each, read by the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Spark session, and a folder that the driver and all of its workers see under the same path."""

    spark: Any
    folder: Path

    def splink(self) -> Any:
        """Splink's backend on this session; the string measures that it ships are not used."""
        from splink.backends.spark import SparkAPI

        backend: Any = SparkAPI
        return backend(spark_session=self.spark, register_udfs_automatically=False)

    def path(self, name: str) -> Path:
        return self.folder / name

    def show(self, name: str) -> None:
        """Make what stands in the folder a view of this name."""
        self.spark.read.parquet(self.path(name).as_uri()).createOrReplaceTempView(name)

    def keep(self, name: str, frame: Any) -> None:
        """Compute a frame, keep it in the folder, and show it as a view of this name."""
        frame.write.parquet(self.path(name).as_uri())
        self.show(name)

    def write(self, name: str, table: pa.Table, rows_of_a_file: int = 1_000_000) -> None:
        """Write a table of the driver's to the folder, and show it as a view of this name."""
        self.path(name).mkdir(mode=0o700)
        for first in range(0, max(1, table.num_rows), rows_of_a_file):
            pq.write_table(table.slice(first, rows_of_a_file), self.path(name) / f"{first:012d}.parquet")
        self.show(name)

    def read(self, name: str, columns: list[str] | None = None) -> Any:
        """What stands in the folder, as an Arrow table on the driver."""
        return pq.read_table(self.path(name), columns=columns)

    def bytes_in(self, name: str) -> int:
        return sum(file.stat().st_size for file in self.path(name).rglob("*.parquet"))
