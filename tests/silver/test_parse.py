"""Parsing in Spark, as a batch and as a stream."""

import pytest
from chispa import assert_df_equality
from pyspark.sql import functions as F

from pipelines.contracts.fingerprint import fingerprint_of
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, all_tables
from pipelines.contracts.parsing import RawRecord, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.silver.parse import drop_positions, keep_positions, keep_table, parse_records
from pipelines.silver.settling import positions_table
from tests.records import CLICK, ORDER, bronze_row, frame, reader_of

ORDERS = all_tables()["silver.orders"]
pytestmark = pytest.mark.spark

ROWS = [
    bronze_row("clicks", 0, CLICK),
    bronze_row("clicks", 1, b"\xff"),
    bronze_row("clicks", 2, {**CLICK, "event_id": "e2", "price_minor": 10}),
    bronze_row("orders", 3, ORDER),
]


def said(row):
    """What the record of a row says, as its own module reckons it."""
    raw = RawRecord(row["key"], row["value"], (), int(row["ingested_at"].timestamp() * 1_000_000))
    topic = all_topics()[row["topic"]]
    return fingerprint_of([(topic.table, parsed) for parsed in parse_record(raw, topic)])


def expected(spark, table):
    common = {"known_at": None}
    events = [
        {**common, **row, "event_id": f"e{number}", "event_type": "page_view", "visitor_id": "v1"}
        for number, row in ((1, ROWS[0]), (2, {**ROWS[2], "price_minor": 10}))
    ]
    orders = [
        {
            **ROWS[3],
            **line,
            "event_id": "m1",
            "order_id": "o1",
            "visitor_id": "v1",
            "status": "paid",
            "line_count": 2,
        }
        for line in (
            {"line_number": 1, "product_id": "p1", "quantity": 2},
            {"line_number": 2, "product_id": "p2", "quantity": 1},
        )
    ]
    for rows in (events, orders):
        for row in rows:
            row["fingerprint"] = said(row)
    minutes = {"silver.events": 59, "silver.orders": 0}
    found = {"silver.events": events, "silver.orders": orders}[table]
    for row in found:
        moment = row["ingested_at"]
        row["known_at"] = moment
        row["occurred_at"] = moment.replace(hour=11, minute=minutes[table], second=0)
    return frame(spark, all_tables()[table], found)


def equal(left, right):
    assert_df_equality(left, right, ignore_nullable=True, ignore_metadata=True, ignore_row_order=True)


@pytest.mark.parametrize("table", ["silver.events", "silver.orders"])
def test_batch(spark, table):
    parsed = parse_records(frame(spark, BRONZE, ROWS), reader=reader_of())
    equal(keep_table(parsed, all_tables()[table]), expected(spark, table))


def test_dead_letters_hold_the_bytes(spark):
    parsed = parse_records(frame(spark, BRONZE, ROWS), reader=reader_of())
    wanted = {**ROWS[1], "stage": "decode", "reason": "invalid_utf8", "detail": "byte 0"}
    equal(keep_table(parsed, DEAD_LETTERS), frame(spark, DEAD_LETTERS, [wanted]))


def test_stream_equals_batch(spark, tmp_path):
    source, target, checkpoint = (str(tmp_path / name) for name in ("bronze", "silver", "checkpoint"))
    for row in ROWS:
        one = frame(spark, BRONZE, [row])
        one.write.format("delta").mode("append").save(source)
    stream = spark.readStream.format("delta").option("maxFilesPerTrigger", 1).load(source)
    parsed = parse_records(stream, reader=reader_of())
    query = (
        keep_table(parsed, all_tables()["silver.orders"])
        .writeStream.format("delta")
        .option("checkpointLocation", checkpoint)
        .trigger(availableNow=True)
        .start(target)
    )
    query.awaitTermination()
    equal(spark.read.format("delta").load(target), expected(spark, "silver.orders"))


def test_positions_are_dropped_or_kept_with_all_their_rows(spark):
    orders = keep_table(parse_records(frame(spark, BRONZE, ROWS), reader=reader_of()), ORDERS)
    twice = orders.unionByName(orders.withColumn("partition", F.lit(1)))
    positions = spark.createDataFrame(positions_table([("orders", 1, 3), ("clicks", 0, 3)]))
    kept, dropped = keep_positions(twice, positions), drop_positions(twice, positions)
    assert [row["partition"] for row in kept.collect()] == [1, 1]
    assert [row["partition"] for row in dropped.collect()] == [0, 0]
    assert kept.columns == dropped.columns == list(ORDERS.column_names)
