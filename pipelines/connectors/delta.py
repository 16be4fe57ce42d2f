"""Delta tables: made and checked from their spec, asked for their positions.

A lake in a local folder is made and asked by delta-rs, in milliseconds; one in an object store by
Spark, which has its credentials.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from delta.tables import DeltaTable as SparkDeltaTable
from deltalake import DeltaTable, Schema
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import SparkSession  # noqa: TID251 - connectors speak to the session
from pyspark.sql import functions as F

from pipelines.connectors.delta_log import CHECKPOINT_INTERVAL
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.positions import Coverage, Vector, furthest
from pipelines.contracts.tables import TableSpec
from pipelines.errors import LakeError

_COMMITS_READ = 20
# A checkpoint costs as much as five appends; the log between two is read in milliseconds.


def ensure_table(spark: SparkSession, spec: TableSpec, path: str) -> None:
    """Create the table when it is not there; add columns that its spec has got since.

    Raises `LakeError` when a table of another schema is there.
    """
    if is_local(path):
        ensure_without_spark(spec, path)
    else:
        _ensure_remote(spark, spec, path)


def is_local(path: str) -> bool:
    """Whether the path is a folder of this machine rather than an address."""
    return "://" not in path


def last_positions(spark: SparkSession, paths: Sequence[str], *, query: str) -> Vector:
    """The furthest positions that the query's commits to these tables carry; empty before the first."""
    return furthest(one.positions for one in coverages(spark, paths, query=query) if one.complete)


def coverages(spark: SparkSession, paths: Sequence[str], *, query: str) -> list[Coverage]:
    """What the query's newest commits to these tables say, those of half batches too."""
    return [
        found
        for path in paths
        for found in _coverages_in(local_commits(path) if is_local(path) else _commits(spark, path), query)
    ]


def local_commits(path: str) -> list[str | None]:
    """User metadata of the newest commits of a table, read without Spark; none of a missing table."""
    try:
        return [commit.get("userMetadata") for commit in DeltaTable(path).history(limit=_COMMITS_READ)]
    except TableNotFoundError:
        return []


def read_since(spark: SparkSession, path: str, columns: Sequence[str], *, since: datetime) -> pa.Table:
    """The rows that arrived since then, brought here: for bounded looks back."""
    if is_local(path):
        arrived = (pc.field("ingested_at") >= since) & (pc.field("ingested_date") >= since.date())
        return DeltaTable(path).to_pyarrow_dataset().to_table(columns=list(columns), filter=arrived)
    rows = spark.read.format("delta").load(path)
    recent = rows.where((F.col("ingested_date") >= since.date()) & (F.col("ingested_at") >= since))
    return recent.select(*columns).toArrow()


def positions_in(commits: Iterable[str | None], query: str) -> list[Vector]:
    """The positions of the query's whole batches among commits' user metadata."""
    return [one.positions for one in _coverages_in(commits, query) if one.complete]


def _coverages_in(commits: Iterable[str | None], query: str) -> list[Coverage]:
    found = (Coverage.decode(text) for text in commits)
    return [one for one in found if one is not None and one.query == query]


def _properties(spec: TableSpec) -> dict[str, str | None]:
    properties: dict[str, str | None] = {"delta.checkpointInterval": str(CHECKPOINT_INTERVAL)}
    if spec.skipping:
        properties["delta.dataSkippingStatsColumns"] = ",".join(spec.skipping)
    return properties


def ensure_without_spark(spec: TableSpec, path: str) -> None:
    """As `ensure_table`, of a table that delta-rs can reach."""
    wanted = Schema.from_arrow(arrow_schema(spec))
    try:
        there = {field.name: field.type for field in DeltaTable(path).schema().fields}
    except TableNotFoundError:
        DeltaTable.create(
            path,
            wanted,
            mode="ignore",
            partition_by=list(spec.partitions),
            description=spec.grain,
            configuration=_properties(spec),
        )
        return
    missing = [field for field in wanted.fields if field.name not in there]
    if _may_add(spec, there, [field.name for field in missing]):
        DeltaTable(path).alter.add_columns(missing)
        there |= {field.name: field.type for field in missing}
    _require(spec, path, [field.name for field in wanted.fields if there.get(field.name) != field.type])


def _ensure_remote(spark: SparkSession, spec: TableSpec, path: str) -> None:
    if SparkDeltaTable.isDeltaTable(spark, path):
        there = {f.name: f.dataType for f in spark.read.format("delta").load(path).schema.fields}
        missing = [c for c in spec.columns if c.name not in there]
        if _may_add(spec, there, [c.name for c in missing]):
            empty = spark.createDataFrame([], spec.schema())
            empty.write.format("delta").mode("append").option("mergeSchema", "true").save(path)
            there |= {c.name: c.type for c in missing}
        _require(spec, path, [c.name for c in spec.columns if there.get(c.name) != c.type])
        return
    builder = SparkDeltaTable.createIfNotExists(spark).location(path).comment(spec.grain)
    for column in spec.columns:
        builder = builder.addColumn(
            column.name, column.type, nullable=column.nullable, comment=column.comment
        )
    for name, value in _properties(spec).items():
        builder = builder.property(name, str(value))
    if spec.partitions:
        builder = builder.partitionedBy(*spec.partitions)
    builder.execute()


def _may_add(spec: TableSpec, there: Collection[str], missing: Sequence[str]) -> bool:
    """Whether it is the same table, made before these columns were declared: it has no others."""
    optional = {column.name for column in spec.columns if column.nullable}
    return bool(missing) and optional.issuperset(missing) and set(there) <= set(spec.column_names)


def _require(spec: TableSpec, path: str, wrong: Sequence[str]) -> None:
    if wrong:
        raise LakeError(
            f"{path}: the table {spec.name} there lacks or differs in {', '.join(wrong)}; "
            "use another lake folder or migrate the table."
        )


def _commits(spark: SparkSession, path: str) -> list[str | None]:
    history = SparkDeltaTable.forPath(spark, path).history(_COMMITS_READ).select("userMetadata")
    return [row["userMetadata"] for row in history.collect()]
