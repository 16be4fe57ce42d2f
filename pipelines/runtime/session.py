"""The Spark session: jars from the run's cache, Delta, small and fair on one machine."""

import os
import sys

from pyspark.sql import SparkSession

from pipelines.connectors.names import Names
from pipelines.errors import PrerequisiteError
from pipelines.settings import Settings

_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # The transaction ids of a table are then read from its checksum file instead of by a Spark job.
    "spark.databricks.delta.setTransactionsInCrc.writeOnCommit": "true",
    # A checkpoint costs as much as five appends; the log between two is read in milliseconds.
    "spark.databricks.delta.properties.defaults.checkpointInterval": "50",
    "spark.scheduler.mode": "FAIR",
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.numRecentProgressUpdates": "20",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.pyspark.fallback.enabled": "false",
    "spark.python.worker.reuse": "true",
}


def open_session(settings: Settings, names: Names, *, app: str) -> SparkSession:
    """The session of this process. Raises `PrerequisiteError` when the jars are not there."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    names.spark_scratch.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName(app)
    if settings.spark.master:
        builder = builder.master(settings.spark.master)
        builder = builder.config("spark.jars", _jars(names))
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    conf = _CONF | {
        "spark.driver.memory": settings.spark.driver_memory,
        "spark.local.dir": str(names.spark_scratch),
        "spark.sql.warehouse.dir": str(names.spark_scratch / "warehouse"),
        "spark.ui.enabled": "false",
    }
    for key, value in (conf | settings.spark.conf).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR" if settings.log.level != "debug" else "INFO")
    return session


def _jars(names: Names) -> str:
    jars = sorted((names.jars / "spark").glob("*.jar"))
    if not jars:
        raise PrerequisiteError(
            f"Spark's jars are not in {names.jars / 'spark'}: `clicklake up` fetches them."
        )
    return ",".join(str(jar) for jar in jars)
