"""Who is a VIP now: a small Delta table of current levels, kept beside the route that joins with it.

Real-Time Mode allows neither windows nor aggregates, so the versions in silver.users become one row a
VIP outside the query. The route reads the newest version of this table at the start of each batch.
"""

import threading
import time
from collections.abc import Sequence

import duckdb
import pyarrow as pa
import structlog
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.delta import is_local
from pipelines.connectors.lake_views import as_dataframe
from pipelines.connectors.names import VIP_USERS, Names
from pipelines.contracts.views import all_views

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 1.0
_LONGEST_REST_SECONDS = 60.0
"""Then it is made again though silver.users has not changed: a version may begin in the future."""
_REST_PER_WORK = 10.0
_KEPT_HOURS = 1
_VACUUM_EVERY = 100
_USERS, _PERIODS = "silver.users", "silver.users_periods"
_SCHEMA = pa.schema([("user_id", pa.string()), ("name", pa.string()), ("level", pa.string())])
_CURRENT = """
select user_id, name, level
from ({periods}) as periods
where valid_from <= now() and (valid_to is null or valid_to > now())
  and level in ({levels})
order by user_id
"""


class Levels:
    """The table of users who have one of `levels` now. `keep` keeps it so until told to stop."""

    def __init__(self, spark: SparkSession, names: Names, levels: Sequence[str]) -> None:
        self._spark = spark
        self._source = names.table(_USERS)
        self._path = names.table(VIP_USERS)
        self._levels = ", ".join(f"'{level}'" for level in levels)
        self._seen: int | None = None
        self._written: pa.Table | None = None
        self._made_at = 0.0

    def table(self) -> DataFrame:
        """One row per VIP: user_id, name, level. Each batch of a query reads its newest version."""
        return self._spark.read.format("delta").load(self._path)

    def refresh(self) -> bool:
        """Make the table what it has to be now; whether that changed it. Nobody is a VIP without users."""
        if not is_local(self._path):
            self._refresh_by_spark()
            return True
        version = self._version()
        if self._written is not None and not self._is_due(version):
            return False
        found = self._current() if version is not None else _SCHEMA.empty_table()
        self._seen, self._made_at = version, time.monotonic()
        if self._written is not None and found.equals(self._written):
            return False
        self._write(found)
        return True

    def keep(self, stop: threading.Event, *, every_seconds: float = _LOOK_SECONDS) -> None:
        """Refresh the table until `stop` is set; what fails is tried again at the next look."""
        rest = every_seconds
        while not stop.wait(rest):
            began = time.monotonic()
            try:
                self.refresh()
            except Exception as error:
                _log.warning("levels_not_refreshed", why=str(error), effect="the levels before count")
            rest = max(every_seconds, _REST_PER_WORK * (time.monotonic() - began))

    def _version(self) -> int | None:
        try:
            return int(DeltaTable(self._source).version())
        except TableNotFoundError:
            return None

    def _is_due(self, version: int | None) -> bool:
        return version != self._seen or time.monotonic() - self._made_at > _LONGEST_REST_SECONDS

    def _current(self) -> pa.Table:
        periods = all_views()[_PERIODS].sql({_USERS: "users"})
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.register("users", DeltaTable(self._source).to_pyarrow_dataset())
            question = _CURRENT.format(periods=periods, levels=self._levels)
            return connection.sql(question).to_arrow_table().cast(_SCHEMA)

    def _write(self, found: pa.Table) -> None:
        write_deltalake(self._path, found, mode="overwrite")
        self._written = found
        table = DeltaTable(self._path)
        if table.version() % _VACUUM_EVERY == 0:
            table.create_checkpoint()
            table.vacuum(retention_hours=_KEPT_HOURS, enforce_retention_duration=False, dry_run=False)
        _log.info("vips_known", users=found.num_rows, version=table.version())

    def _refresh_by_spark(self) -> None:
        """The same in an object store, whose credentials Spark has."""
        load = self._spark.read.format("delta").load
        periods = as_dataframe(all_views()[_PERIODS], self._spark, lambda _: load(self._source))
        question = _CURRENT.format(periods="select * from {periods}", levels=self._levels)
        found = self._spark.sql(question, periods=periods)
        found.coalesce(1).write.format("delta").mode("overwrite").save(self._path)
