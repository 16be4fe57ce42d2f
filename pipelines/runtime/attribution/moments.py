"""Raw records → moments of attribution, in Spark's workers: read by the same reader as silver's."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.parsing import Reject, Row
from pipelines.contracts.topics import all_topics
from pipelines.gold.attribution.amounts import SENT_LINE
from pipelines.gold.attribution.joining import CHANGE, MOMENT, ORDER, PRODUCT, TOUCH, USER
from pipelines.gold.attribution.touches import LONGEST_NAME
from pipelines.silver.arrow_parser import no_collection, records_by_topic
from pipelines.silver.reading import RecordReader, Rows

_EVENTS, _ORDERS = all_topics()["clicks"].table, all_topics()["orders"].table
_VERSIONS = {all_topics()["users"].table: USER, all_topics()["products"].table: PRODUCT}
_GIVES_BACK = frozenset({"refunded", "cancelled"})
_encoder = msgspec.json.Encoder()
_POSITION = ("topic", "partition", "offset", "ingested_at")


class Moments:
    """Callable for `mapInArrow`: bronze records in, moments out. What cannot be read gives none."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The moments of the records."""
        for batch in batches:
            if batch.num_rows:
                with no_collection():
                    found = self._moments(batch)
                yield found

    def _moments(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        made: list[Row] = []
        sources: list[int] = []
        for topic, (places, records) in records_by_topic(batch).items():
            for place, outcome in zip(places, self._reader.outcomes(topic, records), strict=True):
                if not isinstance(outcome, Reject):
                    found = list(_moments_of(outcome))
                    made += found
                    sources += [place] * len(found)
        return _to_batch(made, batch, sources)


def _moments_of(rows: Rows) -> Iterator[Row]:
    for table, group in groupby(rows, key=lambda one: one[0]):
        found = [row for _, row in group]
        if table == _EVENTS:
            yield from (_touch(row) for row in found if row["traffic_source"] is not None)
        elif table == _ORDERS:
            for _, message in groupby(found, key=lambda row: (row["order_id"], row["event_id"])):
                yield _order(list(message))
        elif table in _VERSIONS:
            yield from ({"kind": _VERSIONS[table], "content": row} for row in found)


def _touch(row: Row) -> Row:
    names = ("source", "medium", "campaign")
    return {
        "kind": TOUCH,
        "visitor_id": row["visitor_id"],
        "happened_at": row["occurred_at"],
        "event_id": row["event_id"],
        "content": {name: (row[f"traffic_{name}"] or "")[:LONGEST_NAME] or None for name in names},
    }


def _order(lines: list[Row]) -> Row:
    first = lines[0]
    return {
        "kind": CHANGE if first["status"] in _GIVES_BACK else ORDER,
        "visitor_id": first["visitor_id"],
        "happened_at": first["occurred_at"],
        "event_id": first["event_id"],
        "order_id": first["order_id"],
        "content": {**first, "lines": [{name: line[name] for name in SENT_LINE} for line in lines]},
    }


def _to_batch(made: list[Row], batch: pa.RecordBatch, sources: list[int]) -> pa.RecordBatch:
    taken = pa.array(sources, pa.int32())
    columns = {name: batch.column(name).take(taken) for name in _POSITION}
    for name in ("kind", "visitor_id", "event_id", "order_id"):
        columns[name] = pa.array([row.get(name) for row in made], pa.string())
    times = pa.array([row.get("happened_at") for row in made], pa.int64())
    columns["happened_at"] = times.cast(pa.timestamp("us", tz="UTC"))
    contents = [_encoder.encode(row["content"]).decode() if "content" in row else None for row in made]
    columns["content"] = pa.array(contents, pa.string())
    arrays = [pc.cast(columns[field.name], field.type) for field in MOMENT]
    return pa.RecordBatch.from_arrays(arrays, schema=MOMENT)
