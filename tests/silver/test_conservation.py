"""Every fault that conservation must see, planted by hand."""

import pytest

from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, all_tables
from pipelines.silver.conservation import (
    DEAD_LETTER,
    DUPLICATE,
    SILVER,
    below,
    conservation,
    fates_of,
    late_repeats,
    offset_gaps,
    positions_with_fates,
)
from tests.records import bronze_row, frame

pytestmark = pytest.mark.spark

FAULTS = {"lost": 0, "extra": 0, "doubled": 0, "conflicting": 0}


def bronze_of(spark, rows):
    return frame(spark, BRONZE, rows)


def check(spark, *, bronze, events=(), dead=(), orders=(), users=(), repeats=()):
    def rows(offsets, **changes):
        return [bronze_row("clicks", offset, b"", **changes) for offset in offsets]

    silver = all_tables()
    landed = bronze_of(spark, rows(bronze))
    tables = [
        (silver["silver.events"], rows(events, event_type="x", visitor_id="v"), SILVER),
        (silver["silver.orders"], [r | {"line_number": n} for n, r in enumerate(rows(orders))], SILVER),
        (silver["silver.users"], rows(users, is_deleted=True), SILVER),
        (DEAD_LETTERS, rows(dead, stage="decode", reason="invalid_json"), DEAD_LETTER),
        (DUPLICATES, rows(repeats, visitor_id="v", event_id="e", record_table="silver.events"), DUPLICATE),
    ]
    fates = []
    for spec, found, fate in tables:
        nullable = frame(spark, Nullable(spec), found)
        fates.append(fates_of(nullable, spec, fate=fate))
    days = conservation(positions_with_fates(landed, fates)).collect()
    return [{k: v for k, v in row.asDict().items() if k not in ("topic", "day")} for row in days]


class Nullable:
    """The spec's columns, all nullable: planted rows need not be whole."""

    def __init__(self, spec):
        self.column_names = spec.column_names
        self._schema = spec.schema()

    def schema(self):
        for field in self._schema.fields:
            field.nullable = True
        return self._schema


def test_sound(spark):
    (day,) = check(spark, bronze=[1, 2, 3, 4, 5], events=[1], dead=[2], orders=[3, 3], users=[4], repeats=[5])
    by_fate = {"bronze": 5, "silver": 2, "tombstones": 1, "duplicates": 1, "dead_letters": 1}
    assert day == {**by_fate, **FAULTS}


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ({"bronze": [1, 2], "events": [1]}, "lost"),
        ({"bronze": [1, 1], "events": [1]}, "doubled"),
        ({"bronze": [1], "events": [1, 1]}, "doubled"),
        ({"bronze": [1], "repeats": [1, 1]}, "doubled"),
        ({"bronze": [1], "events": [1], "dead": [1]}, "conflicting"),
        ({"bronze": [1], "events": [1], "repeats": [1]}, "conflicting"),
        ({"bronze": [1], "dead": [1], "repeats": [1]}, "conflicting"),
    ],
)
def test_each_fault_is_counted_as_itself(spark, tables, fault):
    (day,) = check(spark, **tables)
    assert {name: day[name] for name in FAULTS} == {**FAULTS, fault: 1}


@pytest.mark.parametrize("kind", ["orders", "dead", "users", "repeats"])
def test_a_fate_without_a_record_is_extra(spark, kind):
    days = check(spark, bronze=[1], events=[1], **{kind: [2]})
    assert sorted(day["extra"] for day in days) == [0, 1]
    assert {fault: sum(day[fault] for day in days) for fault in FAULTS} == {**FAULTS, "extra": 1}


def test_each_gap_is_a_row_of_what_is_missing(spark):
    rows = [bronze_row("clicks", offset, b"") for offset in (9, 5, 6, 12, 13)]
    rows += [bronze_row("clicks", offset, b"", partition=1) for offset in (0, 1, 1, 2)]
    rows += [bronze_row("orders", offset, b"") for offset in (7, 9)]
    gaps = sorted(tuple(row) for row in offset_gaps(bronze_of(spark, rows)).collect())
    assert gaps == [("clicks", 0, 7, 9), ("clicks", 0, 10, 12), ("orders", 0, 8, 9)]


def test_only_what_lies_below_the_ends_is_kept(spark):
    rows = [bronze_row("clicks", offset, b"") for offset in (3, 4, 5)]
    rows += [bronze_row("clicks", 1, b"", partition=1), bronze_row("orders", 1, b"")]
    ends = spark.createDataFrame(
        [("clicks", 0, 5), ("orders", 0, 1)], "topic string, partition int, until_offset long"
    )
    kept = below(bronze_of(spark, rows), ends)
    assert kept.columns == list(BRONZE.column_names)
    assert sorted((r["topic"], r["partition"], r["offset"]) for r in kept.collect()) == [
        ("clicks", 0, 3),
        ("clicks", 0, 4),
    ]


def said(event_id, fingerprint, *, topic="clicks", partition=0, offset=0, visitor_id="v"):
    return (topic, partition, offset, fingerprint, visitor_id, event_id)


RECORD = "topic string, partition int, offset long, fingerprint long, visitor_id string, event_id string"


def late(spark, *records):
    return sorted(tuple(row) for row in late_repeats(spark.createDataFrame(list(records), RECORD)).collect())


def test_ids_with_several_silver_records_are_counted_by_what_they_say(spark):
    across = [said("a", 1, partition=number) for number in range(3)]
    changed = [said("b", 2, offset=1), said("b", 3, offset=2), said("b", 2, offset=3)]
    orders = [said("a", 1, topic="orders", offset=number, visitor_id="w") for number in range(2)]
    found = late(spark, *across, *changed, *orders, said("c", 4, offset=4))
    assert found == [("clicks", 2 + 1, 1), ("orders", 1, 0)]


def test_lines_of_one_order_and_ids_of_other_visitors_repeat_nothing(spark):
    assert late(spark, said("a", 1), said("a", 1), said("a", 1, offset=1, visitor_id="w")) == []
