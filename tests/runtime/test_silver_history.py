"""Of the rows that arrived lately, those before each partition's first record, and their keys."""

import pyarrow as pa
import pytest

from pipelines.contracts.fingerprint import record_key
from pipelines.contracts.lake import IDENTITIES
from pipelines.runtime.streams import silver_history
from pipelines.runtime.streams.silver_history import SilverHistory
from pipelines.silver.deduplication import HOUR
from pipelines.silver.keyed_batch import First

NOON = 1_772_366_400_000_000
FIRSTS = {("clicks", 0): First(10, NOON), ("clicks", 1): First(5, NOON + 7), ("shop", 0): First(9, NOON)}
BOUND = 1_000
CLOCK = pa.timestamp("us", "UTC")


@pytest.fixture
def history(monkeypatch, names):
    """A history over tables given as rows of topic, partition, offset, ingested_at; what it asked for."""
    asked = []

    def of(**tables):
        def read_since(_spark, path, columns, *, since):
            asked.append(since)
            (rows,) = [rows for name, rows in tables.items() if path.endswith(name)] or [[]]
            return table(rows).select(columns)

        monkeypatch.setattr(silver_history, "read_since", read_since)
        return SilverHistory(None, names), asked

    return of


def table(rows) -> pa.Table:
    topics, partitions, offsets, moments = zip(*rows, strict=True) if rows else ((), (), (), ())
    numbers = range(len(rows))
    return pa.table(
        {
            "topic": pa.array(topics, pa.string()),
            "partition": pa.array(partitions, pa.int32()),
            "offset": pa.array(offsets, pa.int64()),
            "ingested_at": pa.array(moments, pa.int64()).cast(CLOCK),
            "visitor_id": pa.array([f"v{n}" for n in numbers], pa.string()),
            "event_id": pa.array([f"e{n}" for n in numbers], pa.string()),
            "user_id": pa.array([f"u{n}" for n in numbers], pa.string()),
            "fingerprint": pa.array(numbers, pa.int64()),
            "record_table": pa.array(["silver.orders"] * len(rows), pa.string()),
            "seen_hour": pa.array([one // HOUR * HOUR for one in moments], pa.int64()).cast(CLOCK),
        }
    )


ROWS = [
    ("clicks", 0, 9, NOON - BOUND),
    ("clicks", 0, 10, NOON - BOUND),  # the first itself
    ("clicks", 0, 8, NOON - BOUND - 1),  # too old, by its own partition's first
    ("clicks", 1, 4, NOON + 7 - BOUND),
    ("clicks", 1, 3, NOON - BOUND),
    ("clicks", 1, 9, NOON),  # of another partition it would be before
    ("shop", 0, 8, NOON),
    ("shop", 1, 0, NOON),  # of no partition that is asked for
    ("users", 0, 0, NOON),
]


def test_records_are_those_before_the_first_of_their_partition_and_within_the_bound(history):
    known, asked = history(events=ROWS, duplicates=ROWS[:1])
    found = known.records(FIRSTS, bound=BOUND).to_pylist()
    wanted = [(ROWS[n], f"clicks/{ROWS[n][1]}" if n < 6 else "shop/0", n) for n in (0, 3, 6)]
    expected = [(row, record_key(place, "silver.events", f"v{n}", f"e{n}"), n) for row, place, n in wanted]
    expected.append((ROWS[0], record_key("clicks/0", "silver.orders", "v0", "e0"), 0))
    assert [
        (
            (row["topic"], row["partition"], row["offset"], round(row["ingested_at"].timestamp() * 1e6)),
            row["record_key"],
            row["fingerprint"],
        )
        for row in found
    ] == expected
    assert {since.timestamp() for since in asked} == {(NOON - BOUND) // 1_000_000}


def test_links_are_those_since_the_hour_of_the_first(history):
    late = {("clicks", 0): First(10, NOON + 5)}
    rows = [("clicks", 0, 1, NOON - 1), ("clicks", 0, 2, NOON), ("clicks", 0, 10, NOON)]
    known, _ = history(identities=rows)
    assert known.links(late).to_pylist() == [
        {
            "topic": "clicks",
            "partition": 0,
            "offset": 2,
            "link_key": record_key("", IDENTITIES.name, "v1", "u1"),
            "hour": NOON,
        }
    ]


def test_a_lake_without_rows_has_no_history(history):
    known, _ = history()
    assert known.records(FIRSTS, bound=BOUND).num_rows == known.links(FIRSTS).num_rows == 0
