"""`update_features`: silver's events and orders → every feature set, in the lake and in Postgres.

The lake is told first: it holds what each batch adds, so that Postgres, which holds what that adds up
to, can be made again from it. Each Postgres transaction says which positions it covers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.ledger import Entry
from pipelines.connectors.names import CLEAN_SILVER, UPDATE_FEATURES
from pipelines.gold.features.event import TABLES, between, of_tables
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import no_partials
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import Stamp, partials_table, stamped
from pipelines.runtime.failpoints import failpoint
from pipelines.runtime.features.batch import batch_partials
from pipelines.runtime.features.going_live import CatchUp
from pipelines.runtime.features.keeper import FeatureKeeper
from pipelines.runtime.features.silver import silver_events
from pipelines.runtime.streams.batches import Append, BatchContext, BatchSummary, append_all, arrivals
from pipelines.runtime.streams.silver_positions import reached
from pipelines.runtime.streams.site import Query, Site
from pipelines.runtime.streams.streaming import StreamSpec


def update_features(site: Site) -> StreamSpec:
    """The query over every set there is."""
    for one in all_sets().values():
        _make_table(site, one)
    events = of_tables({table: _added_to(site, table) for table in TABLES})
    written = tuple(partials_table(one).name for one in all_sets().values())
    pace = site.settings.features
    return StreamSpec(
        UPDATE_FEATURES,
        events,
        written,
        partial(_UpdateFeatures, site),
        pace.trigger_seconds,
        fed_by=CLEAN_SILVER,
    )


QUERY = Query(UPDATE_FEATURES, update_features, follows=(CLEAN_SILVER,))


def _added_to(site: Site, table: str) -> DataFrame:
    stream = site.spark.readStream.format("delta")
    return stream.option("maxBytesPerTrigger", f"{site.settings.features.max_mib}m").load(
        site.names.table(table)
    )


def _make_table(site: Site, one: FeatureSet) -> None:
    spec = partials_table(one)
    ensure_table(site.spark, spec, site.names.table(spec.name))


class _UpdateFeatures:
    """Writes batches in their order; takes the lease with its first."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._checkpoint = site.names.checkpoint(UPDATE_FEATURES)
        self._tables = {table: site.names.table(table) for table in TABLES}
        self._has_table: set[FeatureSet] = set()
        self._keeper = FeatureKeeper(site.services.postgres.address(), query=UPDATE_FEATURES)

    def __call__(self, batch: DataFrame, context: BatchContext) -> BatchSummary:
        ends = reached(self._site.spark, self._checkpoint, context.batch_id, self._tables)
        entry = Entry(context.app_id, context.batch_id, ends.positions, None)
        sets = list(all_sets().values())
        self._make_tables(sets)
        part = self._keeper.taking(sets, entry)
        caught_up = {one.feature_set.name: self._missed(one) for one in part.joining}
        if part.joining:
            before = Stamp(context.batch_id - 1, part.joining[0].until, True)
            self._append(caught_up, _before(context), before)
        added = batch_partials(batch, part.sets)
        rows = self._append(added.partials, context, Stamp(context.batch_id, *ends))
        failpoint(f"{UPDATE_FEATURES}.before_postgres")
        self._keeper.write(entry, added, part, caught_up=caught_up, is_exact=ends.is_exact)
        failpoint(f"{UPDATE_FEATURES}.after_postgres")
        return BatchSummary(ends.positions, rows, {}, _arrivals(added.ingested_at))

    def close(self) -> None:
        """Let go of Postgres."""
        self._keeper.close()

    def _make_tables(self, sets: Iterable[FeatureSet]) -> None:
        """Make the tables of sets not met yet: also of those whose files came while the streams run."""
        for one in sets:
            if one not in self._has_table:
                _make_table(self._site, one)
                self._has_table.add(one)

    def _missed(self, one: CatchUp) -> pa.Table:
        """What came between the set's history and this batch."""
        silver = silver_events(self._site.spark, self._site.names)
        events = between(silver, since=one.since, until=one.until)
        found = batch_partials(events, [one.feature_set]).partials
        return found.get(one.feature_set.name, no_partials(one.feature_set))

    def _append(
        self, partials: Mapping[str, pa.Table], context: BatchContext, stamp: Stamp
    ) -> dict[str, int]:
        """Append what there is to the lake; table → rows."""
        sets = all_sets()
        appends = []
        for name, found in partials.items():
            spec = partials_table(sets[name])
            appends.append(Append(spec, stamped(found, spec, stamp)))
        if appends:
            append_all(appends, context, positions=stamp.positions)
        return {one.spec.name: one.rows.num_rows for one in appends if isinstance(one.rows, pa.Table)}


def _before(context: BatchContext) -> BatchContext:
    """The batch before, in which a set that joins takes part afterwards."""
    return replace(context, app_id=f"{context.app_id}:joined", batch_id=context.batch_id - 1)


def _arrivals(arrived: pa.Table) -> list[tuple[int, int]]:
    """When the events reached the broker: the batch is as fresh as they are."""
    times = arrived["ingested_at"].cast(pa.timestamp("us", tz="UTC"))
    return arrivals(pa.table({"ingested_at": times}))
