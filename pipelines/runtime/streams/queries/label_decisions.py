"""`label_decisions`: silver's events and orders → `gold.labels`, what became of each problem's decisions.

It labels what comes after its first start. A Delta table's past is not read in the order of time, so that
the watermark would leave much of it out: `settle_labels` labels that, and what came too late here.
"""

from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame

from pipelines.connectors.names import CLEAN_SILVER, LABEL_DECISIONS
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.labels import LABELS
from pipelines.gold.features.event import TABLES, of_tables
from pipelines.gold.labels.joining import labels
from pipelines.gold.problems import all_problems
from pipelines.runtime.streams.batches import Append, BatchContext, BatchSummary, append_all
from pipelines.runtime.streams.checkpoint import planned_batch
from pipelines.runtime.streams.silver_positions import reached
from pipelines.runtime.streams.site import Query, Site
from pipelines.runtime.streams.streaming import StreamSpec


def label_decisions(site: Site) -> StreamSpec:
    """The query over every problem there is."""
    pace = site.settings.labels
    is_new = planned_batch(site.spark, site.names.checkpoint(LABEL_DECISIONS)) in (None, -1)
    events = of_tables({table: _added_to(site, table, is_new=is_new) for table in TABLES})
    return StreamSpec(
        LABEL_DECISIONS,
        labels(events, list(all_problems().values()), late_seconds=pace.late_seconds),
        (LABELS.name,),
        partial(_LabelDecisions, site),
        pace.trigger_seconds,
        fed_by=CLEAN_SILVER,
        # Both sides tell the time of all clicks; the one that is behind must not be left behind.
        conf={"spark.sql.streaming.multipleWatermarkPolicy": "min"},
    )


QUERY = Query(LABEL_DECISIONS, label_decisions, follows=(CLEAN_SILVER,))


def _added_to(site: Site, table: str, *, is_new: bool) -> DataFrame:
    """What is added to the table; of one that holds rows at the first start, from then on."""
    path = site.names.table(table)
    stream = site.spark.readStream.format("delta")
    stream = stream.option("maxBytesPerTrigger", f"{site.settings.labels.max_mib}m")
    if is_new and not site.spark.read.format("delta").load(path).isEmpty():
        stream = stream.option("startingVersion", "latest")
    return stream.load(path)


class _LabelDecisions:
    """Appends the labels that have become final."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._checkpoint = site.names.checkpoint(LABEL_DECISIONS)
        self._tables = {table: site.names.table(table) for table in TABLES}

    def __call__(self, batch: DataFrame, context: BatchContext) -> BatchSummary:
        ends = reached(self._site.spark, self._checkpoint, context.batch_id, self._tables)
        found = batch.toArrow()
        schema = arrow_schema(LABELS)
        rows = pa.table([found[one.name].cast(one.type) for one in schema], schema=schema)
        if rows.num_rows:
            append_all([Append(LABELS, rows)], context, positions=ends.positions)
        return BatchSummary(ends.positions, {LABELS.name: rows.num_rows}, {}, [])
