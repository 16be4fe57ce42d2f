"""The Spark session: jars from the run's cache, Delta, small and fair on one machine."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from pipelines.connectors.names import Names
from pipelines.errors import PrerequisiteError
from pipelines.settings import Settings

_SUBMITTED_BY = "PYSPARK_GATEWAY_PORT"
"""Set by spark-submit for the program that it runs beside a driver which is up already."""

_LONG_JOBS = {
    "spark.sql.codegen.factoryMode": "FALLBACK",
    "spark.driver.extraJavaOptions": "-Xss4m",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
}
"""For jobs over many rows: written code, compiled thoroughly, is over twice as fast there, once it is."""

_STARTUP_ONLY = frozenset({"spark.driver.memory", "spark.driver.extraJavaOptions"})
_NEEDED_CLASSES = {
    "io.delta.sql.DeltaSparkSessionExtension": "Delta's jars",
    "org.apache.spark.sql.kafka010.KafkaSourceProvider": "the jars of Spark's Kafka source",
}
_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.scheduler.mode": "FAIR",
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.join.stateFormatVersion": "3",  # a third less time a batch than the default
    # A join goes on with whichever side has data: clicks alone must end the wait for late clicks.
    "spark.sql.streaming.multipleWatermarkPolicy": "max",
    "spark.sql.streaming.numRecentProgressUpdates": "20",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.pyspark.fallback.enabled": "false",
    "spark.python.worker.reuse": "true",
}


def open_session(settings: Settings, names: Names, *, app: str) -> SparkSession:
    """The session of this process: one of its own, or on what spark-submit has started.

    What spark-submit was given (master, jars, every `--conf`) is never overridden. Raises
    `PrerequisiteError` when Spark's jars are not there.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    wanted = _CONF | settings.spark.conf
    submitted = _SUBMITTED_BY in os.environ
    conf = _without_given(wanted) if submitted else _own_driver(settings, names) | wanted
    builder = SparkSession.builder.appName(app)
    for key, value in conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR" if settings.log.level != "debug" else "INFO")
    return session


def for_long_jobs(settings: Settings) -> Settings:
    """The settings with a Spark for much history instead of one for small batches; memory as it was."""
    conf = settings.spark.conf | _LONG_JOBS
    return msgspec.structs.replace(settings, spark=msgspec.structs.replace(settings.spark, conf=conf))


def is_up(spark: SparkSession) -> bool:
    """Whether Spark still runs beneath the session: neither its JVM nor its application has ended."""
    context = spark.sparkContext._jsc
    try:
        return context is not None and not context.sc().isStopped()
    except (Py4JError, OSError):
        return False


def _own_driver(settings: Settings, names: Names) -> dict[str, str]:
    """What a driver needs that this process starts itself."""
    conf = {"spark.driver.memory": settings.spark.driver_memory, "spark.ui.enabled": "false"}
    if settings.spark.master:
        conf["spark.master"] = settings.spark.master
        conf["spark.jars"] = _jars(names)
    if (settings.spark.master or "").startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        names.spark_scratch.mkdir(parents=True, exist_ok=True)
        conf["spark.driver.bindAddress"] = "127.0.0.1"
        conf["spark.local.dir"] = str(names.spark_scratch)
        conf["spark.sql.warehouse.dir"] = str(names.spark_scratch / "warehouse")
    return conf


def _without_given(conf: Mapping[str, str]) -> dict[str, str]:
    """The settings that spark-submit was not given, and that a running driver can still take."""
    # Else the driver alone would import from the wheel of --py-files, and Spark's workers could not.
    SparkContext.PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar", ".whl")
    SparkContext._ensure_initialized()
    given = dict(SparkConf().getAll())
    _require_classes(SparkContext._jvm)
    return {key: value for key, value in conf.items() if key not in given and key not in _STARTUP_ONLY}


def _require_classes(jvm: Any) -> None:
    loader = jvm.Thread.currentThread().getContextClassLoader()
    for name, jars in _NEEDED_CLASSES.items():
        try:
            loader.loadClass(name)
        except Py4JJavaError:
            raise PrerequisiteError(
                f"spark-submit was started without {jars}: give it --jars with the files of "
                "<var_dir>/cache/jars/spark, joined by commas (`clicklake up` fetches them)."
            ) from None


def _jars(names: Names) -> str:
    jars = sorted((names.jars / "spark").glob("*.jar"))
    if not jars:
        raise PrerequisiteError(
            f"Spark's jars are not in {names.jars / 'spark'}: `clicklake up` fetches them."
        )
    return ",".join(str(jar) for jar in jars)
