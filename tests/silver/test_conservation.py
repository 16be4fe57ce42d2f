"""Every fault that conservation must see, planted by hand."""

import pytest

from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, all_tables
from pipelines.silver.conservation import conservation, fates_of, offset_gaps, positions_with_fates
from tests.records import bronze_row, frame

pytestmark = pytest.mark.spark

FAULTS = {"lost": 0, "extra": 0, "doubled": 0, "conflicting": 0}


def check(spark, *, bronze, events=(), dead=(), orders=(), users=()):
    def rows(offsets, **changes):
        return [bronze_row("clicks", offset, b"", **changes) for offset in offsets]

    silver = all_tables()
    landed = frame(spark, BRONZE, rows(bronze))
    tables = [
        (silver["silver.events"], rows(events, event_type="x", visitor_id="v"), "silver"),
        (silver["silver.orders"], [r | {"line_number": n} for n, r in enumerate(rows(orders))], "silver"),
        (silver["silver.users"], rows(users, is_deleted=True), "silver"),
        (DEAD_LETTERS, rows(dead, stage="decode", reason="invalid_json"), "dead_letter"),
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
    assert check(spark, bronze=[1, 2, 3, 4], events=[1], dead=[2], orders=[3, 3], users=[4]) == [
        {"bronze": 4, "silver": 2, "tombstones": 1, "dead_letters": 1, **FAULTS}
    ]


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ({"bronze": [1, 2], "events": [1]}, "lost"),
        ({"bronze": [1, 1], "events": [1]}, "doubled"),
        ({"bronze": [1], "events": [1, 1]}, "doubled"),
        ({"bronze": [1], "events": [1], "dead": [1]}, "conflicting"),
    ],
)
def test_each_fault_is_counted_as_itself(spark, tables, fault):
    (day,) = check(spark, **tables)
    assert {name: day[name] for name in FAULTS} == {**FAULTS, fault: 1}


def test_a_fate_without_a_record_is_extra(spark):
    days = check(spark, bronze=[1], events=[1, 2])
    assert sorted(day["extra"] for day in days) == [0, 1]


def test_gaps_in_offsets_are_counted(spark):
    rows = [bronze_row("clicks", offset, b"") for offset in (5, 6, 9)]
    (gap,) = offset_gaps(frame(spark, BRONZE, rows)).collect()
    assert (gap["from_offset"], gap["until_offset"], gap["missing"]) == (5, 10, 2)
