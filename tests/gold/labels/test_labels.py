"""Labels on Spark: what plain Python makes of the events, at once and as a stream, final by the watermark."""

import os
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.labels import LABELS
from pipelines.gold.features.event import EVENT
from pipelines.gold.labels.joining import labels
from tests.gold.labels.plain_labels import PROBLEMS, drawn_events, event, plain_labels

pytestmark = pytest.mark.spark
LATE, LONGEST = 300, 180
OLD = 1_600_000_000
"""The files' time of the first; they are read from the oldest on."""
TIMES = ("decided_at", "known_at", "outcome_at", "outcome_known_at")


def made(events):
    return labels(events, PROBLEMS, late_seconds=LATE)


def told(frame):
    """Its rows, times as UTC microseconds, in an order."""
    rows = frame.toArrow().select(LABELS.column_names)
    assert [str(one) for one in rows.schema.types] == [str(one) for one in arrow_schema(LABELS).types]
    for name in TIMES:
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(pa.int64()))
    return in_order({**row, "slices": dict(row["slices"])} for row in rows.to_pylist())


def in_order(rows):
    return sorted(rows, key=lambda row: (row["problem"], row["decided_at"], row["row_id"], row["visitor_id"]))


@pytest.fixture
def stream(spark, tmp_path):
    """Runs batches of events as a stream; what each said, without the empty ones. Goes on when run again."""
    conf = {"spark.sql.shuffle.partitions": "1", "spark.sql.streaming.multipleWatermarkPolicy": "min"}
    before = {name: spark.conf.get(name) for name in conf}
    folder, numbers = tmp_path / "events", iter(range(1_000))
    folder.mkdir()
    for name, value in conf.items():
        spark.conf.set(name, value)

    def run(*batches):
        for events in batches:
            path = folder / f"{next(numbers)}.parquet"
            pq.write_table(pa.Table.from_pylist(events, schema=EVENT), path)
            os.utime(path, (OLD + int(path.stem), OLD + int(path.stem)))
        source = spark.readStream.schema(from_arrow_schema(EVENT)).option("maxFilesPerTrigger", 1)
        said = []
        writer = (
            made(source.parquet(str(folder)))
            .writeStream.foreachBatch(lambda rows, _: said.append(told(rows)))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
        )
        assert writer.start().awaitTermination(120)
        return [some for some in said if some]

    yield run
    for name, value in before.items():
        spark.conf.set(name, value)


def clock(at):
    """An event that is nobody's decision, but tells the time."""
    return event("page_view", f"clock{at}", at, visitor_id="clock")


def short(rows):
    return [(row["problem"], row["row_id"], row["label"]) for row in rows]


GOLDEN = [
    event("add_to_cart", "bought", 0, country="DE"),
    event("add_to_cart", "same-moment-a", 60),
    event("purchase", "same-moment-b#1", 60, properties='{"payment": {"card": true}}'),
    event("add_to_cart", "same-moment-c", 60),
    event("purchase", "again#1", 61),
    event("add_to_cart", "other-product", 60, product_id="q"),
    event("add_to_cart", "no-session", 0, session_id=None),
    event("product_view", "viewed", 0),
    event("product_view", "too-early", -120.000001),
    event("product_view", "other-visitor", 0, visitor_id="w"),
]
GOLDEN_LABELS = [
    ("by_product", "bought", 1),
    ("by_product", "other-product", 0),
    ("by_product", "same-moment-a", 1),
    ("by_product", "same-moment-c", 1),
    ("by_visitor", "too-early", 0),
    ("by_visitor", "other-visitor", 0),
    ("by_visitor", "viewed", 1),
    ("by_visitor", "same-moment-b#1", 0),
    ("by_visitor", "again#1", 0),
]


def test_by_hand(spark):
    """The first outcome counts, one of the same microsecond only under a higher id."""
    found = told(made(spark.createDataFrame(pa.Table.from_pylist(GOLDEN, schema=EVENT))))
    assert short(found) == GOLDEN_LABELS
    assert found == in_order(plain_labels(GOLDEN))
    times = {row["row_id"]: row["outcome_at"] for row in found if row["problem"] == "by_product"}
    at = {row["event_id"]: row["occurred_at"] for row in GOLDEN}
    assert times["bought"] == times["same-moment-a"] == at["same-moment-b#1"]
    assert (times["same-moment-c"], times["other-product"]) == (at["again#1"], None)


def test_drawn_events_are_labelled_as_plain_python_does(spark):
    cases = []

    @settings(max_examples=150, derandomize=True, database=None)
    @given(drawn_events())
    def draw(events):
        case = len(cases)
        own = [{"visitor_id": f"{case}:{row['visitor_id']}", "partition": case} for row in events]
        cases.append([row | mine for row, mine in zip(events, own, strict=True)])

    draw()
    events = pa.Table.from_pylist([row for case in cases for row in case], schema=EVENT)
    wanted = [row for case in cases for row in plain_labels(case)]
    found = told(made(spark.createDataFrame(events)))
    assert in_order(found) == in_order(wanted)
    assert {row["label"] for row in wanted} == {0, 1}


def test_as_a_stream_broken_off_it_is_what_it_is_at_once(stream):
    """In random batches, several outcomes of one decision in several of them, and a new start halfway."""
    draw = random.Random(5)
    events = [
        event(
            draw.choice(["add_to_cart", "purchase", "product_view", "search"]),
            f"e{n}",
            draw.randrange(0, 290, 10),
            visitor_id=draw.choice("vw"),
            product_id=draw.choice("pq"),
            offset=n,
        )
        for n in range(150)
    ]
    batches = [[], [], [], [], []]
    for one in events:
        draw.choice(batches).append(one)
    said = stream(*batches[:2]) + stream(*batches[2:]) + stream([clock(300 + LONGEST + LATE)])
    assert in_order(row for some in said for row in some) == in_order(plain_labels(events))


def test_a_label_comes_once_it_is_final_while_nothing_but_clicks_comes(stream):
    """No order ever comes; the clicks' time alone ends the wait. What is later than that is left out."""
    said = stream(
        [event("product_view", "early", 0), event("product_view", "next", 10)],
        [clock(LATE + LONGEST + 5)],
        [clock(LATE + LONGEST + 5.5)],
        [event("product_view", "too-late", 100), event("search", "too-late-search", 20)],
    )
    assert [short(some) for some in said] == [[("by_visitor", "early", 0)]]
    said = stream([event("search", "in-time", 189.9, visitor_id="v")], [clock(LATE + LONGEST + 30)])
    assert [short(some) for some in said] == [[("by_visitor", "next", 1)]]
