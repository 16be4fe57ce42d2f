"""The join of orders and clicks on Spark: the same as a stream and at once, and final by the watermark."""

import os
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.gold.attribution.joining import CHANGE, MOMENT, ORDER, TOUCH, USER, joined_moments
from pipelines.gold.attribution.touches import MICROS

pytestmark = pytest.mark.spark
AT = 1_772_359_200 * MICROS
LOOK_BACK, LATE = 60, 300
OLD = 1_600_000_000
"""The files' time of the first; they are read from the oldest on."""


def moment(kind, visitor, name, at, *, order=None):
    """A moment `at` seconds past 10:00; `name` is its event id."""
    return {
        "kind": kind,
        "visitor_id": visitor,
        "event_id": name,
        "order_id": order,
        "happened_at": AT + round(at * MICROS),
        "ingested_at": AT,
        "content": f'"{name}"',
        "topic": "t",
        "partition": 0,
        "offset": 0,
    }


def order(visitor, name, at):
    return moment(ORDER, visitor, f"m-{name}-{at}", at, order=name)


def touch(visitor, name, at):
    return moment(TOUCH, visitor, name, at)


def table(moments):
    times = [field.name for field in MOMENT if pa.types.is_timestamp(field.type)]
    columns = {name: [one[name] for one in moments] for name in MOMENT.names}
    arrays = [
        pa.array(columns[field.name], pa.int64() if field.name in times else field.type).cast(field.type)
        for field in MOMENT
    ]
    return pa.table(arrays, schema=MOMENT)


def join(moments):
    return joined_moments(moments, moments, moments, look_back_seconds=LOOK_BACK, late_seconds=LATE)


def told(rows):
    """Rows as (kind, visitor, order, event, microseconds past 10:00), sorted."""
    found = [
        (
            row.kind,
            row.visitor_id,
            row.order_id,
            row.event_id,
            row.happened_micros and row.happened_micros - AT,
        )
        for row in rows
    ]
    return sorted(found, key=str)


@pytest.fixture
def stream(spark, tmp_path):
    """Runs batches of moments as a stream, and gives what each said; empty ones are left out."""
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "1")

    def run(*batches):
        folder = tmp_path / "moments"
        folder.mkdir()
        for number, moments in enumerate(batches):
            pq.write_table(table(moments), folder / f"{number}.parquet")
            os.utime(folder / f"{number}.parquet", (OLD + number, OLD + number))
        source = spark.readStream.schema(from_arrow_schema(MOMENT)).option("maxFilesPerTrigger", 1)
        said = []
        writer = (
            join(source.parquet(str(folder)))
            .writeStream.foreachBatch(lambda rows, _: said.append(told(rows.collect())))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
        )
        assert writer.start().awaitTermination(120)
        return [some for some in said if some]

    yield run
    spark.conf.set("spark.sql.shuffle.partitions", before)


def kinds(said, kind):
    return [one for one in said if one[0] == kind]


def test_in_random_batches_it_is_what_it_is_at_once(spark, stream, tmp_path):
    draw = random.Random(5)
    moments = []
    for n in range(120):
        kind, at = draw.choice([TOUCH, TOUCH, ORDER, CHANGE, USER]), draw.randrange(0, 240, 20)
        visitor = draw.choice("vwx" if kind == TOUCH else "vwxy")
        name = f"o{draw.randrange(20)}{visitor}" if kind in (ORDER, CHANGE) else None
        moments.append(moment(kind, None if kind == USER else visitor, f"e{n}", at, order=name))
    end = touch("z", "end", 10 * LATE)
    pq.write_table(table([*moments, end]), tmp_path / "all.parquet")
    at_once = told(join(spark.read.parquet(str(tmp_path / "all.parquet"))).collect())
    batches = [[], [], [], []]
    for one in moments:
        draw.choice(batches).append(one)
    streamed = [one for some in stream(*batches, [end]) for one in some]
    assert sorted(streamed, key=str) == at_once
    assert {one[0] for one in at_once} == {ORDER, CHANGE, USER, "pair", "no_touch"}


def test_pairs_come_at_once_and_the_absence_of_touches_when_it_is_final(stream):
    bought = [order("v", "o1", 100), order("v", "o2", 130), order("w", "o3", 100)]
    edges = [
        *(touch("v", "oldest", 40), touch("v", "too-old", 39.999999)),
        *(touch("v", "newest", 100), touch("v", "too-new", 130.000001), touch("u", "stranger", 90)),
    ]
    said = stream(
        [*bought, *edges],
        [touch("w", "late-but-in-time", 60)],
        [order("x", "o4", 150), touch("u", "clock", 150 + LATE)],
        [touch("u", "clock2", 151 + LATE)],
        [touch("x", "too-late", 140), order("v", "o5", 100)],
    )
    first, second, *rest = said
    assert kinds(first, "pair") == [
        ("pair", "v", "o1", "newest", 100 * MICROS),
        ("pair", "v", "o1", "oldest", 40 * MICROS),
        ("pair", "v", "o2", "newest", 100 * MICROS),
    ]
    assert [one[2] for one in kinds(first, ORDER)] == ["o1", "o2", "o3"]
    assert second == [("pair", "w", "o3", "late-but-in-time", 60 * MICROS)]
    after = [one for some in rest for one in some]
    assert kinds(after, "pair") == []
    assert [one[:3] for one in kinds(after, "no_touch")] == [("no_touch", "x", "o4")]
    assert [one[2] for one in kinds(after, ORDER)] == ["o4", "o5"]
