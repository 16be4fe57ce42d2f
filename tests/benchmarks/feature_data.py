"""Seeded events of a shop as silver holds them, commit by commit: Zipf products, visitors of equal weight."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from pipelines.connectors.delta_files import write_files
from pipelines.connectors.delta_log import AppendLog
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import silver_tables
from pipelines.contracts.positions import Coverage
from pipelines.gold.features.event import EVENT

KINDS = ("page_view", "product_view", "product_view", "product_view", "add_to_cart", "interaction")
_SPEC, _ORDERS = silver_tables()["silver.events"], silver_tables()["silver.orders"]
_PRODUCTS = 20_000
_BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
_EVENTS_PER_SECOND = 1000


class Feed:
    """`commit` appends the next events to silver.events, as clean_silver does."""

    def __init__(self, names: Names, *, visitors: int, seed: int = 7) -> None:
        self._random = np.random.default_rng(seed)
        self._visitors = visitors
        self._path = names.table(_SPEC.name)
        self._sent = self._batch = 0
        for spec in (_SPEC, _ORDERS):
            empty = arrow_schema(spec).empty_table()
            write_deltalake(names.table(spec.name), empty, partition_by=list(spec.partitions))
        self._log = AppendLog(self._path, "bench")

    def commit(self, events: int) -> None:
        """Append this many events in one commit."""
        rows = self.rows(events)
        said = Coverage(CLEAN_SILVER, self._batch, {("clicks", 0): self._sent}).encode()
        self._log.append(write_files(rows, _SPEC, self._path), batch_id=self._batch, user_metadata=said)
        self._batch += 1

    def rows(self, events: int) -> pa.Table:
        """The next events, in the columns of silver.events."""
        numbers = np.arange(self._sent, self._sent + events)
        self._sent += events
        visitors = self._random.integers(0, self._visitors, events)
        products = np.minimum(self._random.zipf(1.3, events), _PRODUCTS)
        moments = [_BEGIN + timedelta(seconds=int(one) / _EVENTS_PER_SECOND) for one in numbers]
        made = {
            "topic": pa.repeat("clicks", events),
            "partition": pa.array(np.zeros(events, np.int32)),
            "offset": pa.array(numbers),
            "ingested_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "ingested_date": pa.array([one.date() for one in moments]),
            "event_id": pa.array([f"e{one}" for one in numbers]),
            "event_type": pa.array(np.array(KINDS)[self._random.integers(0, len(KINDS), events)]),
            "visitor_id": pa.array([f"v{one}" for one in visitors]),
            "session_id": pa.array([f"s{one}" for one in visitors]),
            "product_id": pa.array([f"p{one}" for one in products]),
            "category": pa.array([f"c{one % 40}" for one in products]),
            "price_minor": pa.array(products * 37 % 50_000),
            "currency": pa.repeat("EUR", events),
            "fingerprint": pa.array(numbers),
        }
        times = dict.fromkeys(("known_at", "occurred_at"), made["ingested_at"])
        found = made | times
        schema = arrow_schema(_SPEC)
        columns = {one.name: found.get(one.name, pa.nulls(events, one.type)) for one in schema}
        return pa.table(columns, schema=schema)


def as_feature_events(rows: pa.Table) -> pa.Table:
    """Rows of silver.events as feature events."""
    micros = {name: rows[name].cast(pa.int64()) for name in ("occurred_at", "ingested_at", "known_at")}
    found = micros | {"kind": rows["event_type"]}
    there = {name: found[name] if name in found else rows[name] for name in EVENT.names}
    return pa.table(there, schema=EVENT)
