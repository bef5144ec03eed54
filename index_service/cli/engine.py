"""The options that say what links all records: this process, or Spark."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.spark_session import SparkOptions


class Engine(StrEnum):
    """What finds out who is one person."""

    duckdb = "duckdb"
    spark = "spark"


EngineOption = Annotated[
    Engine, typer.Option("--engine", help="What links all records: this process (duckdb), or Spark on many machines.")
]
SparkMaster = Annotated[
    str | None,
    typer.Option("--spark-master", metavar="URL", help="The cluster; by default Spark's own setting, or this machine."),
]
SparkFolder = Annotated[
    Path | None,
    typer.Option("--spark-folder", help="Folder that all machines of the cluster see; needed with a cluster."),
]


def spark_options(engine: Engine, master: str | None, folder: Path | None) -> SparkOptions | None:
    """How Spark is reached, if it is asked for and there.

    Raises:
        UsageError: it is not installed, or options of it stand without it.
    """
    from index_service.spark_session import SparkOptions, check_spark

    if engine is not Engine.spark:
        if master or folder:
            raise UsageError("--spark-master and --spark-folder go with --engine spark.")
        return None
    check_spark()
    return SparkOptions(master, folder)
