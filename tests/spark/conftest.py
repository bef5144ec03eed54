"""One Spark session on this machine for all tests of the Spark engine; without pyspark or Java they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from index_service.spark_session import SparkOptions, spark_workspace

THIS_MACHINE = "local[2]"


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="pyspark is not installed: make test-spark")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: make test-spark")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")  # compiles little: it does not run for long
        with spark_workspace(SparkOptions(THIS_MACHINE), memory_gb=1.5) as workspace:
            yield workspace.spark
