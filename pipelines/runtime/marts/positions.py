"""Which rows of silver a run reads: all before silver's last whole batch, or those since the last run."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import is_local, last_positions
from pipelines.connectors.lake_reader import covered
from pipelines.connectors.lake_views import as_dataframe
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.positions import Vector
from pipelines.contracts.views import all_views
from pipelines.errors import LakeError
from pipelines.runtime.streams.queries.clean_silver import WRITTEN

BUILD_MARTS = "build_marts"
"""The query that the commits to gold name: its positions say what of silver the marts hold."""

_BOUNDS = "topic string, partition int, from_offset long, until_offset long"


def require_silver(names: Names) -> None:
    """Raise `LakeError` when silver has no batch yet, before Spark is started; local lakes only."""
    if is_local(names.lake):
        _require(covered(names, WRITTEN, query=CLEAN_SILVER), names)


def silver_positions(spark: SparkSession, names: Names) -> Vector:
    """What silver's whole batches cover. Raises `LakeError` before the first."""
    found = last_positions(spark, [names.table(name) for name in WRITTEN], query=CLEAN_SILVER)
    _require(found, names)
    return found


def _require(found: Vector, names: Names) -> None:
    if not found:
        raise LakeError(
            f"{names.lake}: silver has no batch yet, so there is nothing to make marts of: "
            "run `clicklake demo`, or the job stream_lake."
        )


class SilverUntil:
    """Silver as it was when its queries covered these positions, whatever has been written since."""

    def __init__(self, spark: SparkSession, names: Names, until: Vector) -> None:
        self._spark = spark
        self._names = names
        self._until = until

    def table(self, name: str, *, since: Vector | None = None) -> DataFrame:
        """Rows of a table, of all positions or of those from `since` on."""
        rows = self._spark.read.format("delta").load(self._names.table(name))
        bounds = [(*place, (since or {}).get(place, 0), until) for place, until in self._until.items()]
        within = F.broadcast(self._spark.createDataFrame(bounds, _BOUNDS))
        bounded = rows.join(within, ["topic", "partition"])
        fits = (F.col("offset") >= F.col("from_offset")) & (F.col("offset") < F.col("until_offset"))
        return bounded.where(fits).select(*rows.columns)

    def view(self, name: str, tables: dict[str, DataFrame] | None = None) -> DataFrame:
        """Rows of a view, over the frames given for its tables instead of all their rows."""
        given = tables or {}
        return as_dataframe(
            all_views()[name],
            self._spark,
            lambda table: given[table] if table in given else self.table(table),
        )
