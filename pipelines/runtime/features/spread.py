"""Partials of much history: made and folded by Spark's workers, an entity's in one place."""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import TILE, folded, partial_schema, partials_of
from pipelines.gold.features.sets import all_sets

_Batches = Iterable[pa.RecordBatch]
_Make = Callable[[FeatureSet, pa.Table], pa.Table]


def history_partials(events: DataFrame, feature_set: FeatureSet, *, partitions: int) -> DataFrame:
    """A row per entity and finest tile of the events."""
    named = events.select(*feature_set.reads).dropna(subset=list(feature_set.keys))
    return _made(named.repartition(partitions, *feature_set.keys), feature_set, partials_of)


def folded_partials(partials: DataFrame, feature_set: FeatureSet, *, partitions: int) -> DataFrame:
    """A row per entity and finest tile of the partials."""
    names = partial_schema(feature_set, feature_set.parts, with_tile=True).names
    return _made(partials.select(*names).repartition(partitions, *feature_set.keys), feature_set, _folded)


def brought(rows: DataFrame) -> Iterator[pa.Table]:
    """The rows, brought to the driver part by part."""

    def apply(batches: _Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"rows": [packed(pa.Table.from_batches([batch]))]})

    for row in rows.mapInArrow(apply, "rows binary").toLocalIterator():
        yield unpacked(row["rows"])


def packed(rows: pa.Table) -> bytes:
    """A table as bytes, its schema among them."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue())


def unpacked(content: bytes) -> pa.Table:
    """The table of these bytes."""
    return pa.ipc.open_stream(content).read_all()


def _made(rows: DataFrame, feature_set: FeatureSet, make: _Make) -> DataFrame:
    schema = partial_schema(feature_set, feature_set.parts, with_tile=True)
    name = feature_set.name

    def apply(batches: _Batches) -> Iterator[pa.RecordBatch]:
        there = list(batches)
        if there:
            yield from make(all_sets()[name], pa.Table.from_batches(there)).cast(schema).to_batches()

    return rows.mapInArrow(apply, from_arrow_schema(schema))


def _folded(feature_set: FeatureSet, partials: pa.Table) -> pa.Table:
    return folded(partials, by=[*feature_set.keys, TILE], parts=feature_set.parts)
