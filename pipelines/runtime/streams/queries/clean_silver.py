"""`clean_silver`: bronze → silver rows, duplicates, identities and dead letters, in one pass."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.delta_writer import Rows
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, IDENTITIES, all_tables, silver_tables
from pipelines.contracts.positions import Vector
from pipelines.runtime.streams.batches import (
    Append,
    BatchContext,
    BatchSummary,
    append_all,
    arrivals,
    count_by,
    latest_previews,
    next_offsets,
)
from pipelines.runtime.streams.parsing import parsed_in_spark, parsed_nearby
from pipelines.runtime.streams.silver_history import SilverHistory
from pipelines.runtime.streams.site import Query, Site
from pipelines.runtime.streams.spill import workers_share_disk
from pipelines.runtime.streams.streaming import BatchProcess, StreamSpec
from pipelines.settings import TableStream
from pipelines.silver.arrow_parser import PREVIEWS_PER_TABLE, letter_previews
from pipelines.silver.deduplication import Deduplicator, Verdict
from pipelines.silver.parse import keep_positions
from pipelines.silver.reading import RecordReader
from pipelines.silver.settling import (
    conflict_letters,
    drop_rows,
    duplicate_rows,
    identity_rows,
    positions_table,
)

PARSED_INTO = {**silver_tables(), DEAD_LETTERS.name: DEAD_LETTERS}
WRITTEN = (*PARSED_INTO, DUPLICATES.name, IDENTITIES.name)


def clean_silver(
    spark: SparkSession, names: Names, *, reader: RecordReader, stream: TableStream
) -> StreamSpec:
    """The query. Its memory of what it has seen begins with each start."""
    bronze = (
        spark.readStream.format("delta")
        .option("maxBytesPerTrigger", f"{stream.max_mib}m")
        .load(names.table(BRONZE.name))
    )

    def begin() -> BatchProcess:
        judge = Deduplicator(SilverHistory(spark, names))
        return _CleanSilver(reader, judge, names.scratch / CLEAN_SILVER)

    return StreamSpec(CLEAN_SILVER, bronze, WRITTEN, begin, stream.trigger_seconds, fed_by=LAND_BRONZE)


def _build(site: Site) -> StreamSpec:
    return clean_silver(site.spark, site.names, reader=site.reader, stream=site.settings.silver)


QUERY = Query(CLEAN_SILVER, _build, follows=(LAND_BRONZE,))


class _CleanSilver:
    """Cleans batches in their order; remembers what it has seen between them."""

    def __init__(self, reader: RecordReader, judge: Deduplicator, scratch: Path) -> None:
        self._reader = reader
        self._judge = judge
        self._scratch = scratch

    def __call__(self, batch: DataFrame, context: BatchContext) -> BatchSummary | None:
        records = batch.coalesce(batch.sparkSession.sparkContext.defaultParallelism)
        near = context.writer.takes_arrow and workers_share_disk(batch)
        with (
            parsed_nearby(records, self._reader, self._scratch)
            if near
            else parsed_in_spark(records, self._reader) as parsed
        ):
            envelope = parsed.envelope()
            if not envelope.num_rows:
                return None
            verdict = self._judge.judge(envelope)
            exceptions = _exceptions(batch, envelope, verdict)
            staying = drop_rows(envelope, verdict.set_aside)
            tables = [PARSED_INTO[name] for name in count_by(staying, "table")]
            kept = {spec.name: parsed.rows(spec, verdict) for spec in tables}
            positions = next_offsets(envelope)
            append_all(_appends(kept, exceptions, batch.sparkSession), context, positions=positions)
            return _summary(staying, positions, exceptions, arrivals(envelope), self._judge.remembered)


def _exceptions(batch: DataFrame, envelope: pa.Table, verdict: Verdict) -> dict[str, pa.Table]:
    """Table → rows that deduplication adds to it."""
    found = {
        DUPLICATES.name: duplicate_rows(envelope, verdict),
        IDENTITIES.name: identity_rows(envelope, verdict),
    }
    if verdict.conflicts:
        wanted = batch.sparkSession.createDataFrame(positions_table(verdict.conflicts))
        found[DEAD_LETTERS.name] = conflict_letters(keep_positions(batch, wanted).toArrow(), verdict)
    return {name: rows for name, rows in found.items() if rows.num_rows}


def _appends(kept: dict[str, Rows], exceptions: dict[str, pa.Table], spark: SparkSession) -> list[Append]:
    """What is to be appended: one append a table, none without rows."""
    rows = dict(kept)
    for name, added in exceptions.items():
        there = rows.get(name)
        if there is None:
            rows[name] = added
        elif isinstance(there, DataFrame):
            rows[name] = there.unionByName(spark.createDataFrame(added, there.schema))
        else:
            rows[name] = pa.concat_tables([there, added])
    specs = all_tables()
    return [Append(specs[name], some) for name, some in rows.items()]


def _summary(
    staying: pa.Table,
    positions: Vector,
    exceptions: dict[str, pa.Table],
    arrived: Sequence[tuple[int, int]],
    remembered: int,
) -> BatchSummary:
    rows = Counter(count_by(staying, "table"))
    rows.update({name: added.num_rows for name, added in exceptions.items()})
    rejects = Counter(count_by(staying, "reason"))
    letters = exceptions.get(DEAD_LETTERS.name)
    if letters is not None:
        rejects.update(count_by(letters, "reason"))
    previews = latest_previews(staying, per_table=PREVIEWS_PER_TABLE)
    previews += letter_previews(letters) if letters is not None else []
    return BatchSummary(positions, dict(rows), dict(rejects), arrived, previews, remembered)
