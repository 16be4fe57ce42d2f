"""Versions as they were at a moment of each row. DataFrame in, DataFrame out.

Versions become periods first, of which at most one fits a row: so the join can neither lose nor double
one, may broadcast, and needs no state under a stream. Keeping each key's versions in one array and
searching it took five times as long (1 M facts, 5 versions a key), and far longer with many versions.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType, TimestampType

from pipelines.contracts.lake import POSITION_KEY
from pipelines.contracts.topic import VALID_FROM
from pipelines.silver.version_times import Held, times_held

_KEY, _ROW, _DELETED = "_as_of_key", "_as_of_row", "_as_of_deleted"
_FROM, _TO, _KNOWN_FROM, _KNOWN_TO = _BOUNDS = (
    "_as_of_from",
    "_as_of_to",
    "_as_of_known_from",
    "_as_of_known_to",
)


def with_version_as_of(
    facts: DataFrame,
    versions: DataFrame,
    *,
    key: str,
    at: str,
    prefix: str,
    columns: Sequence[str],
    known: str | None = None,
) -> DataFrame:
    """The facts with `columns` of the version that held at their column `at`, named `prefix` + column.

    One row per fact, none lost, none doubled. `versions` are rows of silver.users, products or offers,
    and `key` is the column of both that names whose version it is. The version that holds is the last by
    (valid_from, topic, partition, offset) whose valid_from is not after `at`. `known` names the facts'
    column of their own known time: then only versions with `known_at` not after it count, so that what
    came late is not used before it was there. All are null where the key is null, unknown or deleted at
    that moment, or one of the times is null. `versions` must be static; `facts` may be a stream.

    Raises `ValueError` when the facts have a column of one of the new names already.
    """
    taken = {f"{prefix}{column}" for column in columns} & set(facts.columns)
    if taken:
        raise ValueError(f"the facts have {', '.join(sorted(taken))} already: choose another prefix")
    ordered = versions.select(
        F.col(key).alias(_KEY),
        F.col(VALID_FROM).alias(_FROM),
        F.col("known_at").alias(_KNOWN_FROM),
        *POSITION_KEY,
        F.col("is_deleted").alias(_DELETED),
        F.struct(*columns).alias(_ROW),
    )
    periods = _periods(ordered) if known is None else _periods_by_knowledge(ordered)
    fits = (F.col(key) == F.col(_KEY)) & _within(at, _FROM, _TO)
    if known is not None:
        fits &= _within(known, _KNOWN_FROM, _KNOWN_TO)
    joined = facts.join(periods.where(~F.col(_DELETED)), fits, "left")
    found = (F.col(_ROW)[column].alias(f"{prefix}{column}") for column in columns)
    return joined.select("*", *found).drop(_KEY, _ROW, _DELETED, *_BOUNDS)


def _within(moment: str, start: str, end: str) -> Column:
    return (F.col(moment) >= F.col(start)) & (F.col(end).isNull() | (F.col(moment) < F.col(end)))


def _periods(versions: DataFrame) -> DataFrame:
    """The rule of the view silver.users_periods: of equal valid_from the last holds."""
    following = Window.partitionBy(_KEY).orderBy(_FROM, *POSITION_KEY)
    periods = versions.withColumn(_TO, F.lead(_FROM).over(following)).drop(_KNOWN_FROM, *POSITION_KEY)
    return periods.where(F.col(_TO).isNull() | (F.col(_TO) > F.col(_FROM)))


def _periods_by_knowledge(versions: DataFrame) -> DataFrame:
    """One row per stretch of time and of knowledge in which a version holds: at most two a version."""
    ordered = versions.repartition(_KEY).sortWithinPartitions(_KEY, _FROM, *POSITION_KEY).drop(*POSITION_KEY)
    ends = [StructField(end, TimestampType()) for end in (_TO, _KNOWN_TO)]
    return ordered.mapInArrow(_split_by_knowledge, StructType([*ordered.schema.fields, *ends]))


def _split_by_knowledge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The sorted versions of a partition, each once a stretch; the partition is held in memory."""
    found = list(batches)
    if not found:
        return
    rows = pa.Table.from_batches(found)
    held = _held(rows)
    split = rows.take(pa.array([one.number for one in held], pa.int64()))
    for name, values in zip(_BOUNDS, zip(*(one[1:] for one in held), strict=True), strict=True):
        column = pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        there = split.schema.get_field_index(name)
        split = split.append_column(name, column) if there < 0 else split.set_column(there, name, column)
    yield from split.to_batches()


def _held(rows: pa.Table) -> list[Held]:
    keys = rows.column(_KEY).to_pylist()
    starts, known = (rows.column(name).cast(pa.int64()).to_pylist() for name in (_FROM, _KNOWN_FROM))
    found: list[Held] = []
    for _, group in groupby(range(len(keys)), key=keys.__getitem__):
        indices = list(group)
        times = times_held([(starts[n], known[n]) for n in indices])
        found += [one._replace(number=indices[0] + one.number) for one in times]
    return found
