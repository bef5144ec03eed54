"""Spark for one linking: whether it is there, how its session is set up, and the folder that its stages work in."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index_service.errors import UsageError

if TYPE_CHECKING:
    from linkage.spark.workspace import Workspace


PACKAGES = ("pyspark", "pandas")
"""What has to be installed; pyspark asks for pandas before it hands anything to Python on its workers."""


class EngineMissing(UsageError):
    """The Spark engine is not installed here."""


@dataclass(frozen=True, slots=True)
class SparkOptions:
    """Where Spark runs.

    Attributes:
        master: URL of the cluster; None for what Spark's own settings say, by default this machine.
        folder: seen by all machines of the cluster under the same path; None for a temporary folder, which does on
            this machine alone.
    """

    master: str | None = None
    folder: Path | None = None

    @property
    def is_this_machine(self) -> bool:
        return self.master is None or self.master.startswith("local")


def check_spark() -> None:
    """See to it that Spark can be started.

    Raises:
        EngineMissing: says what is missing and how to get it.
    """
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise EngineMissing(
                f"The Spark engine needs {package}, which is not installed.",
                hint="pip install 'foster-person-index[spark]'",
            )
    if shutil.which("java", path=_java_path()) is None:
        raise EngineMissing(
            "The Spark engine needs Java 17 or later, which is not found.",
            hint="Install it, on Debian: sudo apt-get install openjdk-17-jre-headless; or set JAVA_HOME.",
        )


def _java_path() -> str:
    home, path = os.environ.get("JAVA_HOME"), os.environ.get("PATH", os.defpath)
    return f"{Path(home) / 'bin'}{os.pathsep}{path}" if home else path


@contextmanager
def spark_workspace(options: SparkOptions, memory_gb: float = 4.0) -> Iterator[Workspace]:
    """A Spark session and a private, empty folder for the stages; both are gone afterwards.

    Args:
        memory_gb: what the Java process on this machine may hold.

    Raises:
        EngineMissing: pyspark or Java is not there.
        UsageError: a cluster without a folder that it shares, or no such folder.
        SparkFailed: no session could be had.
    """
    if options.folder is None and not options.is_this_machine:
        raise UsageError(
            "A cluster needs a folder that all of its machines see.", hint="Name it: --spark-folder FOLDER."
        )
    if options.folder is not None and not options.folder.is_dir():
        raise UsageError("--spark-folder is not a folder on this machine.")
    check_spark()
    from pyspark.sql import SparkSession

    from linkage.spark.workspace import Workspace

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # another Python may lack this program
    with tempfile.TemporaryDirectory(prefix="person-index-spark-", dir=options.folder) as name:
        folder = Path(name).resolve()
        ours = SparkSession.getActiveSession() is None
        session = _session(_settings(options, folder, memory_gb))
        try:
            yield Workspace(session, folder)
        finally:
            if ours:
                session.stop()


def _settings(options: SparkOptions, folder: Path, memory_gb: float) -> Mapping[str, str]:
    """What a linking asks of Spark: no pages and no logs with values, nothing legible on its disks."""
    settings = {
        "spark.app.name": "person-index relink",
        "spark.driver.memory": f"{max(512, round(memory_gb * 1024))}m",
        "spark.io.encryption.enabled": "true",
        "spark.log.level": "OFF",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if options.master is not None:
        settings["spark.master"] = options.master
    if options.is_this_machine:
        settings |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(folder / "local"),
        }
    return settings


def _session(settings: Mapping[str, str]) -> Any:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    from linkage.errors import SparkFailed

    try:
        return SparkSession.builder.config(map=dict(settings)).getOrCreate()
    except (PySparkException, Py4JError, OSError) as error:
        raise SparkFailed(
            f"Spark could not be started ({type(error).__name__}). Is the master's address right and reachable?"
        ) from error
