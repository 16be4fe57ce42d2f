"""Training frames from a real lake: what the plain interpreter says, on either clock; refusals."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.names import Names
from pipelines.contracts.lake import IDENTITIES
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.event import TABLES, of_row
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.scalar import merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.arrivals import check_arrivals
from pipelines.runtime.features.training_frame import Clock, training_frame
from tests.tiny_lake import START, TinyLake

Row = dict[str, Any]
KEYS = ("visitor_id", "session_id", "product_id", "user_id")
VISIBLE = {"occurred": "occurred_at", "known": "known_at"}
DAY = 86_400_000_000


def micros(rows: pa.Table) -> list[Row]:
    """Rows with their times in UTC microseconds."""
    times = {name: rows[name].cast(pa.int64()) for name in ("occurred_at", "ingested_at", "known_at")}
    for name, column in times.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return list(rows.to_pylist())


class Oracle:
    """The lake's events and links, and what a row sees of them, one by one."""

    def __init__(self, names: Names) -> None:
        read = {name: DeltaTable(names.table(name)).to_pyarrow_table() for name in (*TABLES, IDENTITIES.name)}
        found = [of_row(table, row) for table in TABLES for row in micros(read[table])]
        self.events = [row for row in found if row is not None]
        self.links = micros(read[IDENTITIES.name])

    def spine(self, spark: SparkSession, rows: list[Row]) -> DataFrame:
        """The rows as a notebook would give them, `time` as a timestamp."""
        fields = [pa.field(name, pa.string()) for name in (*KEYS, "event_id")]
        schema = pa.schema(
            [pa.field("row_id", pa.int64()), pa.field("time", pa.timestamp("us", "UTC")), *fields]
        )
        given = [row | {"row_id": number, "time": row["occurred_at"]} for number, row in enumerate(rows)]
        return spark.createDataFrame(pa.Table.from_pylist(given, schema=schema))

    def wanted(self, one: FeatureSet, row: Row, clock: Clock) -> Row:
        """The outputs of a set for a row."""
        at, by = row["occurred_at"], VISIBLE[clock]
        bound = (at, row["event_id"] if clock == "occurred" else "")
        links = [
            of for of in self.links if one.entity.by_user and of["user_id"] == row["user_id"] and of[by] < at
        ]
        owners = {of["visitor_id"] for of in links}
        state = merged(
            one,
            (
                state_of(one, event)
                for event in self.events
                if (event[by], event["event_id"]) < bound
                and (event["visitor_id"] in owners if owners else True)
                and all(event[key] is not None and event[key] == row[key] for key in _keys(one, owners))
            ),
        )
        return {f"{one.name}__{name}": value for name, value in values(one, state, at=at).items()}


def _keys(one: FeatureSet, owners: set[str]) -> list[str]:
    return [key for key in one.keys if not (owners and key == "visitor_id")]


@pytest.fixture(scope="module")
def oracle(tiny_lake: TinyLake) -> Oracle:
    return Oracle(tiny_lake.names)


@pytest.mark.spark
@pytest.mark.parametrize("clock", ["occurred", "known"])
def test_every_set_at_events_of_the_lake(
    spark: SparkSession, oracle: Oracle, tiny_lake: TinyLake, clock: Clock
) -> None:
    """All the project's sets for every seventh event, and all are told apart from what came after."""
    rows = [row for row in oracle.events if row["user_id"]][:40] + oracle.events[::7]
    frame = training_frame(
        spark, tiny_lake.names, oracle.spine(spark, rows), sets=list(all_sets()), clock=clock, partitions=2
    )
    found = {row.pop("row_id"): row for row in frame.toArrow().to_pylist()}
    assert sorted(found) == list(range(len(rows)))
    for number, row in enumerate(rows):
        wanted: Row = {}
        for one in all_sets().values():
            wanted |= oracle.wanted(one, row, clock)
        assert found[number] == wanted
    assert any(row["user__events"] for row in found.values())


@pytest.mark.spark
def test_history_without_arrivals_refuses_the_clock_known(spark: SparkSession) -> None:
    """A day of which most is known a year later; another, of which little is late, does not stop anyone."""
    loaded = [{"occurred_at": START + n, "known_at": START + 365 * DAY} for n in range(3)]
    live = [{"occurred_at": START + 5 * DAY, "known_at": START + 5 * DAY + n * 2 * DAY} for n in (0, 0, 1)]
    events = spark.createDataFrame(pa.Table.from_pylist([*loaded, *live]))
    check_arrivals(events, spark.createDataFrame(pa.table({"seen_at": [START + 5 * DAY + 1]})))
    with pytest.raises(LakeError, match="on 1 days from 2025-10-09 to 2025-10-09 most events"):
        check_arrivals(events, spark.createDataFrame(pa.table({"seen_at": [START + 1, START + 5 * DAY]})))


@pytest.mark.spark
def test_what_is_missing_is_said_before_anything_is_read(spark: SparkSession, tiny_lake: TinyLake) -> None:
    now = pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    spine = spark.createDataFrame(pa.table({"row_id": [1], "time": now, "user_id": ["u"]}))
    wrong: list[tuple[DataFrame, str, Any, str]] = [
        (spine, "usr", "known", "there is no feature set `usr`; did you mean `user`?"),
        (spine, "user", "wall", "the clock is `occurred` or `known`, not `wall`"),
        (spine, "product", "known", "set `product` needs column `product_id`"),
        (spine.drop("row_id"), "user", "known", "the spine has no column `row_id`"),
        (spine.withColumn("time", spine["user_id"]), "user", "known", "`time` of the spine is no timestamp"),
    ]
    for frame, name, clock, said in wrong:
        with pytest.raises(SettingsError, match=said.replace("?", "[?]")):
            training_frame(spark, tiny_lake.names, frame, sets=[name], clock=clock)
    found = training_frame(spark, tiny_lake.names, spine, sets=["user"], clock="occurred").toArrow()
    assert found.num_rows == 1
