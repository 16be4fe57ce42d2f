"""Delta through Spark: create a table from its spec, check it, append to it once."""

from collections.abc import Sequence

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession  # noqa: TID251 - connectors speak to the session

from pipelines.contracts.positions import Coverage, Vector, furthest
from pipelines.contracts.tables import TableSpec
from pipelines.errors import LakeError

_COMMITS_READ = 20


def ensure_table(spark: SparkSession, spec: TableSpec, path: str) -> None:
    """Create the table when it is not there. Raises `LakeError` when one of another schema is."""
    if DeltaTable.isDeltaTable(spark, path):
        _check_schema(spark, spec, path)
        return
    builder = DeltaTable.createIfNotExists(spark).location(path).comment(spec.grain)
    for column in spec.columns:
        builder = builder.addColumn(
            column.name, column.type, nullable=column.nullable, comment=column.comment
        )
    if spec.partitions:
        builder = builder.partitionedBy(*spec.partitions)
    if spec.skipping:
        builder = builder.property("delta.dataSkippingStatsColumns", ",".join(spec.skipping))
    builder.execute()


def _check_schema(spark: SparkSession, spec: TableSpec, path: str) -> None:
    there = {f.name: f.dataType for f in spark.read.format("delta").load(path).schema.fields}
    wrong = [c.name for c in spec.columns if there.get(c.name) != c.type]
    if wrong:
        raise LakeError(
            f"{path}: the table {spec.name} there lacks or differs in {', '.join(wrong)}; "
            "use another lake folder or migrate the table."
        )


def append_once(rows: DataFrame, path: str, *, app_id: str, coverage: Coverage) -> None:
    """Append the batch's rows; the same `app_id` and batch a second time changes nothing."""
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", app_id)
        .option("txnVersion", coverage.batch_id)
        .option("userMetadata", coverage.encode())
        .save(path)
    )


def last_positions(spark: SparkSession, paths: Sequence[str], *, query: str) -> Vector:
    """The furthest positions that the query's commits to these tables carry; empty before the first."""
    found: list[Vector] = []
    for path in paths:
        history = DeltaTable.forPath(spark, path).history(_COMMITS_READ).select("userMetadata").collect()
        coverages = (Coverage.decode(row["userMetadata"]) for row in history)
        found.extend(one.positions for one in coverages if one is not None and one.query == query)
    return furthest(found)
