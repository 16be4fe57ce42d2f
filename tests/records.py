"""Hand-made bronze records and DataFrames of a spec's columns, for tests of any area."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts.tables import TableSpec
from pipelines.contracts.translation import Translator
from pipelines.settings import conf_dir
from pipelines.settings.traffic import load_traffic_rules
from pipelines.silver.enrichment import Enrichment
from pipelines.silver.reading import RecordReader

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLICK = {
    "event_id": "e1",
    "event_type": "page_view",
    "occurred_at": "2026-03-01T11:59:00Z",
    "visitor_id": "v1",
}
ORDER = {
    "event_id": "m1",
    "order_id": "o1",
    "occurred_at": "2026-03-01T11:00:00Z",
    "visitor_id": "v1",
    "status": "paid",
    "lines": [{"product_id": "p1", "quantity": 2}, {"product_id": "p2", "quantity": 1}],
}


def reader_of(translators: Mapping[str, Translator] | None = None) -> RecordReader:
    """The reader that the stream uses, without pseudonyms."""
    return RecordReader(translators or {}, Enrichment(load_traffic_rules(conf_dir()), None))


def bronze_row(topic: str, offset: int, value: Any, **changes: Any) -> dict[str, Any]:
    """A bronze row of partition 0 that arrived `offset` seconds past noon; `value` JSON unless bytes."""
    encoded = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    row = {
        "topic": topic,
        "partition": 0,
        "offset": offset,
        "ingested_at": NOON + timedelta(seconds=offset),
        "ingested_date": NOON.date(),
        "key": b"v1",
        "value": encoded,
        "headers": [],
    }
    return row | changes


def frame(spark: SparkSession, spec: TableSpec, rows: list[dict[str, Any]]) -> DataFrame:
    """A DataFrame in the columns of a spec; columns a row does not name are null."""
    values = [tuple(row.get(name) for name in spec.column_names) for row in rows]
    return spark.createDataFrame(values, spec.schema())
