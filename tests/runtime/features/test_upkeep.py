"""Rolled-up partials say the same as before; latest values and midnights are those of single events."""

from datetime import UTC, date, datetime, timedelta

import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from pipelines.connectors.names import UPDATE_FEATURES, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.positions import Coverage
from pipelines.gold.features.event import EVENT, table_of
from pipelines.gold.features.latest import latest
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import Stamp, inference_table, partials_table, snapshots_table, stamped
from pipelines.runtime.features.upkeep import kept_sets, roll_up, write_latest, write_midnight, yesterdays

pytestmark = pytest.mark.spark
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
NOW_MICROS = 1_773_154_800_000_000
BEFORE = 1_000_000
"""Events are a second old, in microseconds: at a moment itself, latest values and midnights differ."""
DAY = 86_400_000_000
SETS = {name: all_sets()[name] for name in ("user", "user_product")}


def event(number, *, days_ago, visitor="v", kind="product_view"):
    """One event at three in the afternoon."""
    given = {
        "kind": kind,
        "event_id": f"e{number}",
        "occurred_at": NOW_MICROS - days_ago * DAY - BEFORE,
        "visitor_id": visitor,
        "product_id": f"p{number % 3}",
        "price_minor": 100 + number,
        "category": "a.b",
        "topic": "clicks",
        "partition": 0,
        "offset": number,
    }
    return dict.fromkeys(EVENT.names) | given


EVENTS = [
    *(event(n, days_ago=n % 10 * 5) for n in range(120)),
    *(event(n, days_ago=n % 3, visitor="w") for n in range(120, 130)),
    event(130, days_ago=900, visitor="forgotten"),
]


@pytest.fixture
def lake(tmp_path):
    """The partials of three batches."""
    names = Names.of(var_dir=str(tmp_path), lake=None)
    for one in SETS.values():
        spec = partials_table(one)
        for batch, start in enumerate((0, 60, 110)):
            positions = {("clicks", 0): start + 60}
            rows = stamped(
                partials_of(one, table_of(EVENTS[start : (60, 110, 131)[batch]])),
                spec,
                Stamp(batch, positions, True),
            )
            said = Coverage(UPDATE_FEATURES, batch, positions).encode()
            metadata = CommitProperties(custom_metadata={"userMetadata": said})
            write_deltalake(names.table(spec.name), rows, mode="append", commit_properties=metadata)
    return names


def expected(feature_set, *, at):
    """Entity → its columns, of the events before."""
    found = {}
    for one in EVENTS:
        if one["occurred_at"] < at:
            found.setdefault(key_of(feature_set, one), []).append(state_of(feature_set, one))
    return {key: values(feature_set, merged(feature_set, states), at=at) for key, states in found.items()}


def stored(names, feature_set, spec):
    """Entity → its columns in a table of values."""
    rows = DeltaTable(names.table(spec.name)).to_pyarrow_table().to_pylist()
    outputs = [one.name for one in feature_set.outputs]
    return {
        tuple(row[key] for key in feature_set.keys): {name: row[name] for name in outputs} for row in rows
    }


def living(found):
    """Without the one that has expired."""
    return {key: row for key, row in found.items() if key[0] != "forgotten"}


def test_rolling_up_changes_no_value_and_leaves_one_row_a_tile(spark, lake):
    assert [one.name for one in kept_sets(spark, lake)] == sorted(SETS)
    for one in SETS.values():
        path = lake.table(partials_table(one).name)
        before = latest(one, DeltaTable(path).to_pyarrow_table(), at=NOW_MICROS)
        counts = roll_up(spark, lake, one, keep_batches=1, now=NOW, parts=2)
        table = DeltaTable(path).to_pyarrow_table()
        assert counts["after"] == table.num_rows < counts["before"]
        assert set(table["batch_id"].to_pylist()) == {1, 2}
        keys = [(key, "ascending") for key in one.keys]
        assert latest(one, table, at=NOW_MICROS).sort_by(keys) == before.sort_by(keys)
        assert roll_up(spark, lake, one, keep_batches=1, now=NOW, parts=2)["after"] == counts["after"]


def test_tiles_that_no_window_holds_become_days(spark, lake):
    roll_up(spark, lake, SETS["user"], keep_batches=1, now=NOW, parts=2)
    table = DeltaTable(lake.table(partials_table(SETS["user"]).name)).to_pyarrow_table().to_pylist()
    rolled = [row["tile"] for row in table if row["batch_id"] == 1]
    assert {tile % DAY == 0 for tile in rolled if tile < NOW_MICROS - 38 * DAY} == {True}
    assert {tile % DAY == 0 for tile in rolled if tile > NOW_MICROS - 36 * DAY} == {False}


def test_latest_values_are_those_of_every_entity_that_lives(spark, lake):
    for one in SETS.values():
        wanted = living(expected(one, at=NOW_MICROS))
        assert write_latest(spark, lake, one, now=NOW, parts=2) == len(wanted)
        assert stored(lake, one, inference_table(one)) == wanted


def test_a_midnight_sees_what_came_before_it_and_is_written_once(spark, lake):
    one, day = SETS["user_product"], date(2026, 3, 8)
    midnight = NOW_MICROS - timedelta(hours=15) // timedelta(microseconds=1) - DAY
    wanted = living(expected(one, at=midnight))
    for _ in range(2):
        assert write_midnight(spark, lake, one, day=day, parts=2) == len(wanted)
    assert stored(lake, one, snapshots_table(one)) == wanted
    assert yesterdays(NOW, 2) == [day, date(2026, 3, 9)]


def test_specs_have_no_column_twice():
    for one in all_sets().values():
        for spec in (partials_table(one), inference_table(one), snapshots_table(one)):
            assert len(set(spec.column_names)) == len(arrow_schema(spec))
