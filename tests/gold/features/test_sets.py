"""What every feature set keeps to. Sets are found: a new one is held to it without an edit here."""

import re
from pkgutil import iter_modules
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.gold.features import sets
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.history import values_at
from pipelines.gold.features.partials import TILE
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import BATCH, POSITIONS, partials_table
from pipelines.gold.features.windows import LIFETIME
from tests.gold.features.drawn_rows import Rows, drawn_events, spine_of, visible
from tests.gold.features.feature_events import shop_events

CLOCKS = ("occurred", "known")
LONGEST = 63
"""Bytes of a name in Postgres; longer ones are cut off without a word."""
_KEYWORDS = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
RESERVED = frozenset(word for (word,) in duckdb.connect().execute(_KEYWORDS).fetchall())
every_set = pytest.mark.parametrize("feature_set", all_sets().values(), ids=lambda one: one.name)
on_each_clock = pytest.mark.parametrize("clock", CLOCKS)


@every_set
def test_names_are_names_in_every_store(feature_set: FeatureSet) -> None:
    names = [output.name for output in feature_set.outputs]
    columns = [name for part in feature_set.parts for name in part.columns]
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name not in RESERVED
    for taken in (names, columns):
        together = [*feature_set.keys, TILE, BATCH, POSITIONS, *taken]
        assert len(set(together)) == len(together)
    tables = [f"{feature_set.name}_v{feature_set.version}_{hop}s" for hop in (*feature_set.hops, 0)]
    tables.append(partials_table(feature_set).name.partition(".")[2])
    assert [name for name in (*names, *columns, *tables) if len(name.encode()) > LONGEST] == []


def test_each_set_is_named_as_its_file() -> None:
    """So none can take another's place."""
    files = [module.name for module in iter_modules(sets.__path__)]
    assert sorted(all_sets()) == sorted(files)


@every_set
def test_it_says_what_it_is(feature_set: FeatureSet) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature_set.name)
    assert feature_set.version >= 1
    assert feature_set.meaning
    assert [one.name for one in feature_set.outputs if len(one.meaning) < 5] == []


@every_set
def test_it_reads_what_events_have(feature_set: FeatureSet) -> None:
    assert feature_set.keys
    assert set(feature_set.reads) <= set(EVENT.names)
    assert {EVENT.field(key).type for key in feature_set.keys} == {pa.string()}
    known = {one.name for one in feature_set.features}
    for ratio in feature_set.ratios:
        assert {ratio.above, ratio.below} <= known
        assert any(ratio in feature_set.ratios_over(one) for one in (LIFETIME, *feature_set.windows))


@every_set
def test_it_is_forgotten_some_day(feature_set: FeatureSet) -> None:
    ttl = feature_set.ttl
    assert ttl.days > 0
    assert ttl.days_after_purchase is None or 0 < ttl.days_after_purchase <= ttl.days


@every_set
@on_each_clock
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), cut=st.integers(1, 59))
def test_what_comes_later_changes_nothing_before(
    feature_set: FeatureSet, clock: str, seed: int, cut: int
) -> None:
    """The leak test: values of rows up to a moment are the same with and without all that comes after."""
    rows = drawn_events(feature_set, Random(seed), count=60)
    if clock == "occurred":
        rows.sort(key=lambda row: (row["occurred_at"], row["event_id"]))
    spine = spine_of(feature_set, rows[:cut], clock=clock)
    then = values_at(feature_set, visible(rows[: cut - 1], clock=clock), spine)
    assert values_at(feature_set, visible(rows, clock=clock), spine).to_pylist() == then.to_pylist()


@every_set
@on_each_clock
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_history_is_what_single_events_add_up_to(feature_set: FeatureSet, clock: str, seed: int) -> None:
    rows = drawn_events(feature_set, Random(seed), count=40)
    assert_as_single_events(feature_set, rows, rows[::4], clock=clock)


@every_set
@on_each_clock
def test_history_of_a_shop_is_what_single_events_add_up_to(feature_set: FeatureSet, clock: str) -> None:
    rows = [row for row in shop_events() if key_of(feature_set, row)]
    found = assert_as_single_events(feature_set, rows, rows[:: len(rows) // 40], clock=clock)
    for row in found:
        assert [name for name in _never_negative(feature_set) if (row[name] or 0) < 0] == []
        for window in (LIFETIME, *feature_set.windows):
            for ratio in feature_set.ratios_over(window):
                above, below = row[window.named(ratio.above)], row[window.named(ratio.below)]
                assert (row[window.named(ratio.name)] is None) == (above is None or not below)


def assert_as_single_events(feature_set: FeatureSet, rows: Rows, about: Rows, *, clock: str) -> Rows:
    """The values of history at these events; those that plain Python makes must be the same."""
    spine = spine_of(feature_set, about, clock=clock)
    found: Rows = values_at(feature_set, visible(rows, clock=clock), spine).to_pylist()
    for moment, row in zip(spine.to_pylist(), found, strict=True):
        key = tuple(moment[name] for name in feature_set.keys)
        seen = [one for one in rows if key_of(feature_set, one) == key and _is_seen(one, moment, clock)]
        state = merged(feature_set, (state_of(feature_set, one) for one in seen))
        assert row == values(feature_set, state, at=moment["at"])
    return found


def _is_seen(event: dict[str, Any], moment: dict[str, Any], clock: str) -> bool:
    if clock == "known":
        return bool(event["offset"] < moment["seen_at"])
    return bool((event["occurred_at"], event["event_id"]) < (moment["seen_at"], moment["event_id"]))


def _never_negative(feature_set: FeatureSet) -> list[str]:
    """Numbers made of the contract's own fields, which are none below 0."""
    own = {one.name for one in feature_set.features if "properties" not in one.aggregate.reads}
    names = [output for output in feature_set.outputs if output.type in (pa.int64(), pa.float64())]
    return [output.name for output in names if output.name.removesuffix(f"_{output.window.suffix}") in own]
