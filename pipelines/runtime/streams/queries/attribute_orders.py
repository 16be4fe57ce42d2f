"""`attribute_orders`: orders ⟕ clicks, straight from Kafka → Postgres, the lake, the topic `checkouts`.

It reads Kafka through silver's own reader rather than silver's tables, so that an order is credited a
second or so after it came. Postgres is written first, as one transaction with the batch's place in the
ledger; the lake and the topic are told what is there, each once.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.bronze.land import bronze_records
from pipelines.connectors.kafka_topic import TransactionalTopic
from pipelines.connectors.ledger import Entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS, CHECKOUTS_TOPIC
from pipelines.contracts.attribution import CHECKOUTS, TOUCHPOINTS
from pipelines.contracts.topics import all_topics
from pipelines.gold.attribution.joining import (
    CHANGE,
    MOMENT,
    ORDER,
    PAIR,
    PRODUCT,
    USER,
    joined_moments,
)
from pipelines.runtime.attribution.book import Taken
from pipelines.runtime.attribution.keeper import BookKeeper, Written
from pipelines.runtime.attribution.moments import Moments
from pipelines.runtime.attribution.telling import checkout_messages, checkout_rows, touchpoint_rows
from pipelines.runtime.failpoints import failpoint
from pipelines.runtime.streams.batches import Append, BatchContext, BatchSummary, append_all, arrivals
from pipelines.runtime.streams.checkpoint import logged_batch
from pipelines.runtime.streams.site import Query, Site
from pipelines.runtime.streams.streaming import StreamSpec

_CLICKS, _ORDERS, _USERS, _PRODUCTS = (
    all_topics()[name].name for name in ("clicks", "orders", "users", "products")
)
_Content = dict[str, Any]


def attribute_orders(site: Site) -> StreamSpec:
    """The query, at the look-back and lateness of the settings."""
    pace = site.settings.attribution
    records = _records(site, read_topics(site.bound_topics))
    read = partial(_moments, records, site)
    joined = joined_moments(
        passed=read(_ORDERS, _USERS, _PRODUCTS),
        orders=read(_ORDERS),
        touches=read(_CLICKS),
        look_back_seconds=pace.look_back_seconds,
        late_seconds=pace.late_seconds,
    )
    written = (CHECKOUTS.name, TOUCHPOINTS.name)
    return StreamSpec(
        ATTRIBUTE_ORDERS,
        joined,
        written,
        partial(_AttributeOrders, site),
        pace.trigger_seconds,
        conf={"spark.sql.shuffle.partitions": str(pace.partitions)},
    )


QUERY = Query(ATTRIBUTE_ORDERS, attribute_orders)


def read_topics(bound: Sequence[str]) -> list[str]:
    """The topics that attribution reads; `bound` are those of another shape."""
    return [_CLICKS, _ORDERS, _USERS, _PRODUCTS, *bound]


def _records(site: Site, topics: Sequence[str]) -> DataFrame:
    kafka = (
        site.spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", site.services.kafka)
        .option("subscribe", ",".join(topics))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
        .option("kafka.fetch.max.wait.ms", "10")
        .option("maxOffsetsPerTrigger", site.settings.attribution.max_records)
        .load()
    )
    return bronze_records(kafka)


def _moments(records: DataFrame, site: Site, *topics: str) -> DataFrame:
    """The moments of these topics, and of those of another shape, which may hold anything."""
    wanted = records.where(F.col("topic").isin(*topics, *site.bound_topics))
    read = wanted.coalesce(site.settings.attribution.partitions)
    return read.mapInArrow(Moments(site.reader), from_arrow_schema(MOMENT))


class _AttributeOrders:
    """Writes batches in their order; takes the lease, and the topic's transactions, with its first."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._checkpoint = site.names.checkpoint(ATTRIBUTE_ORDERS)
        self._keeper = BookKeeper(
            site.services.postgres.address(),
            query=ATTRIBUTE_ORDERS,
            look_back_seconds=site.settings.attribution.look_back_seconds,
        )
        self._topic: TransactionalTopic | None = None

    def __call__(self, batch: DataFrame, context: BatchContext) -> BatchSummary:
        rows = batch.toArrow().to_pylist()
        taken = _taken(rows)
        plan = logged_batch(self._site.spark, self._checkpoint, context.batch_id)
        entry = Entry(context.app_id, context.batch_id, plan.positions, plan.watermark)
        failpoint(f"{ATTRIBUTE_ORDERS}.before_book")
        written = self._keeper.write(entry, taken)
        failpoint(f"{ATTRIBUTE_ORDERS}.after_book")
        told = self._append(written, taken, entry, context)
        failpoint(f"{ATTRIBUTE_ORDERS}.before_topic")
        self._publish(written, context)
        failpoint(f"{ATTRIBUTE_ORDERS}.after_topic")
        return BatchSummary(plan.positions, told, {}, _arrivals(taken))

    def close(self) -> None:
        """Let go of Postgres and of the topic."""
        self._keeper.close()
        if self._topic is not None:
            self._topic.close()
            self._topic = None

    def _append(self, written: Written, taken: Taken, entry: Entry, context: BatchContext) -> dict[str, int]:
        """Append to the lake what the book took; table → rows."""
        arrived = {(one["topic"], one["partition"], one["offset"]): one["ingested_at"] for one in taken.pairs}
        tables = {CHECKOUTS: checkout_rows(written), TOUCHPOINTS: touchpoint_rows(written, arrived)}
        appends = [Append(spec, rows) for spec, rows in tables.items() if rows.num_rows]
        if appends:
            append_all(appends, context, positions=entry.positions)
        return {one.spec.name: one.rows.num_rows for one in appends if isinstance(one.rows, pa.Table)}

    def _publish(self, written: Written, context: BatchContext) -> None:
        if written.messages:
            if self._topic is None:
                self._topic = TransactionalTopic(
                    self._site.services.kafka,
                    CHECKOUTS_TOPIC,
                    query=ATTRIBUTE_ORDERS,
                    query_id=context.app_id,
                )
            self._topic.write(context.batch_id, checkout_messages(written))


def _taken(rows: Sequence[_Content]) -> Taken:
    kinds: dict[str, list[_Content]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    return Taken(
        messages=[_content(row) for kind in (ORDER, CHANGE) for row in kinds.get(kind, ())],
        pairs=[_pair(row) for row in kinds.get(PAIR, ())],
        users=[_content(row) for row in kinds.get(USER, ())],
        products=[_content(row) for row in kinds.get(PRODUCT, ())],
    )


def _content(row: _Content) -> _Content:
    found: _Content = msgspec.json.decode(row["content"])
    where = {name: row[name] for name in ("topic", "partition", "offset")}
    return found | where | {"ingested_at": row["ingested_micros"]}


def _pair(row: _Content) -> _Content:
    said = {name: row[name] for name in ("order_id", "visitor_id", "event_id")}
    return said | _content(row) | {"occurred_at": row["happened_micros"]}


def _arrivals(taken: Taken) -> list[tuple[int, int]]:
    """When the orders reached the broker: the batch is as fresh as they are."""
    times = pa.array([one["ingested_at"] for one in taken.messages], pa.timestamp("us", tz="UTC"))
    return arrivals(pa.table({"ingested_at": times}))
