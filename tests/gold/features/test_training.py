"""Training values on Spark are those of the plain interpreter, row by row, whatever the spine is like."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from pipelines.errors import SettingsError
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import Entity, FeatureSet
from pipelines.gold.features.scalar import merged, state_of, values
from pipelines.gold.features.training import training_values
from tests.gold.features.shop import EVERYTHING, events, moments

Row = dict[str, Any]
PRODUCT = replace(EVERYTHING, name="product", entity=Entity("product", ("product_id",)))
PERSON = replace(EVERYTHING, name="person", entity=Entity("person", ("visitor_id",), by_user=True))
SETS = (EVERYTHING, PRODUCT, PERSON)
KEYS = ("visitor_id", "session_id", "product_id", "user_id")
SPINE = pa.schema(
    [
        ("row_id", pa.int64()),
        *((key, pa.string()) for key in KEYS),
        *((name, pa.int64()) for name in ("at", "seen_at")),
        ("event_id", pa.string()),
    ]
)
LINKS = pa.schema([("visitor_id", pa.string()), ("user_id", pa.string()), ("visible_at", pa.int64())])


@st.composite
def spine_rows(draw: st.DrawFn) -> list[Row]:
    """Rows about anything, some without a key."""
    names = (["v", "w", "never", None], ["s", "t", None], ["p1", "p2", None], ["u", "x", "unlinked", None])
    count = draw(st.integers(1, 4))
    rows = [
        {key: draw(st.sampled_from(of)) for key, of in zip(KEYS, names, strict=True)} for _ in range(count)
    ]
    for row in rows:
        at = draw(moments())
        row |= {"at": at, "seen_at": at, "event_id": draw(st.sampled_from([None, "a0", "Z3", "é1", "😀9"]))}
    return [*rows, dict(rows[0])]


def linked() -> st.SearchStrategy[list[Row]]:
    """Some of the pairs of visitor and user, each with the moment that it can be known from."""
    pairs = st.tuples(st.sampled_from(["v", "w"]), st.sampled_from(["u", "x"]))
    found = st.dictionaries(pairs, moments(), max_size=4)
    return found.map(
        lambda all_: [{"visitor_id": v, "user_id": u, "visible_at": at} for (v, u), at in all_.items()]
    )


class Shop:
    """Many small cases in one: what each is about has the case's number before its names."""

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.spine: list[Row] = []
        self.links: list[Row] = []
        self._case = 0

    def add(self, events_: list[Row], spine: list[Row], links: list[Row]) -> None:
        """One more case."""
        self._case += 1
        self.events += [self._own(row) | {"visible_at": row["occurred_at"]} for row in events_]
        self.links += [self._own(row) for row in links]
        for row in spine:
            self.spine.append(self._own(row) | {"row_id": len(self.spine)})

    def frames(self, spark: SparkSession) -> tuple[DataFrame, DataFrame, DataFrame]:
        """Events, spine, links."""
        schema = EVENT.append(pa.field("visible_at", pa.int64()))
        tables = [
            pa.Table.from_pylist(rows, schema=of)
            for rows, of in ((self.events, schema), (self.spine, SPINE), (self.links, LINKS))
        ]
        first, second, third = (spark.createDataFrame(table) for table in tables)
        return first, second, third

    def wanted(self, row: Row) -> Row:
        """Every output of the row, event by event."""
        found: Row = {"row_id": row["row_id"]}
        for one in SETS:
            owner = self._owners(row) if one is PERSON else None
            seen = [event for event in self.events if self._sees(one, row, event, owner)]
            state = merged(one, (state_of(one, event) for event in seen))
            found |= {
                f"{one.name}__{name}": value for name, value in values(one, state, at=row["at"]).items()
            }
        return found

    def _own(self, row: Row) -> Row:
        return row | {key: f"{self._case}:{row[key]}" for key in KEYS if row.get(key) is not None}

    def _owners(self, row: Row) -> dict[str, int] | None:
        mine = {
            one["visitor_id"]: one["visible_at"] for one in self.links if one["user_id"] == row["user_id"]
        }
        return {name: at for name, at in mine.items() if at < row["seen_at"]} or None

    def _sees(self, of: FeatureSet, row: Row, event: Row, owners: dict[str, int] | None) -> bool:
        if (event["visible_at"], event["event_id"]) >= (row["seen_at"], row["event_id"] or ""):
            return False
        if owners is not None:
            return event["visitor_id"] in owners
        return all(event[key] is not None and event[key] == row[key] for key in of.keys)


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Many cases, the same in every run."""
    made = Shop()

    @settings(max_examples=120, derandomize=True, database=None)
    @given(events(), spine_rows(), linked())
    def collect(events_: list[Row], spine: list[Row], links: list[Row]) -> None:
        made.add(events_, spine, links)

    collect()
    return made


@pytest.mark.spark
def test_every_row_comes_out_once_with_what_the_plain_interpreter_says(
    spark: SparkSession, shop: Shop
) -> None:
    """Visitors, products and persons, in three passes; rows that are equal, rows without keys."""
    events_, spine, links = shop.frames(spark)
    found = training_values(events_, spine, SETS, partitions=3, links=links).toArrow().to_pylist()
    assert sorted(row["row_id"] for row in found) == list(range(len(shop.spine)))
    for row in found:
        assert row == shop.wanted(shop.spine[row["row_id"]])
    of_many = {row["row_id"] for row in found if row["person__events"] > row["everything__events"]}
    assert of_many, "no row of any case is read by user"


@pytest.mark.spark
def test_one_partition_or_many_and_any_row_id(spark: SparkSession, shop: Shop) -> None:
    """How rows are spread, and what they are called, changes nothing; nor does it matter who has a key."""
    events_, spine, _ = shop.frames(spark)
    renamed = spine.selectExpr("concat('row ', row_id) as row_id", "* except (row_id)")
    few = _by_row(training_values(events_, spine, [PRODUCT], partitions=1))
    many = _by_row(training_values(events_, renamed, [PRODUCT], partitions=40))
    assert many == {f"row {row}": values_ for row, values_ in few.items()}


@pytest.mark.spark
def test_no_events_are_an_unknown_entity(spark: SparkSession, shop: Shop) -> None:
    """A spine without any events has the values of nothing, and all its rows."""
    events_, spine, _ = shop.frames(spark)
    found = training_values(events_.limit(0), spine, [EVERYTHING], partitions=2).toArrow().to_pylist()
    unknown = {
        f"everything__{name}": value
        for name, value in values(EVERYTHING, merged(EVERYTHING, []), at=0).items()
    }
    assert [{**row, "row_id": 0} for row in found] == [{"row_id": 0, **unknown}] * len(shop.spine)


@pytest.mark.spark
def test_without_sets_there_is_nothing_to_say(spark: SparkSession) -> None:
    nothing = spark.range(0)
    with pytest.raises(SettingsError, match="at least one feature set"):
        training_values(nothing, nothing, [], partitions=1)


def _by_row(frame: DataFrame) -> dict[Any, tuple[Any, ...]]:
    read: Callable[[Row], tuple[Any, ...]] = lambda row: tuple(row[name] for name in frame.columns[1:])  # noqa: E731
    return {row["row_id"]: read(row) for row in frame.toArrow().to_pylist()}
