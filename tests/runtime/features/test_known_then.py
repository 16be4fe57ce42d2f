"""What was known of an entity, recomputed from a lake, against plain Python over the same lake."""

from itertools import groupby

import pytest

from pipelines.connectors.lake_reader import LakeReader
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.event import TABLES, of_row
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.runtime.features.known import about, abouts
from pipelines.runtime.features.known_then import known_then

TIMES = ("occurred_at", "ingested_at", "known_at")
REPLACED = ", ".join(f"epoch_us({name}) as {name}" for name in TIMES)


@pytest.fixture(scope="module")
def lake(tiny_lake):
    return LakeReader(tiny_lake.names)


@pytest.fixture(scope="module")
def events(lake):
    rows = [
        of_row(table, row)
        for table in TABLES
        for row in lake.rows(f"select * replace ({REPLACED}) from {table}")
    ]
    return sorted(rows, key=lambda row: row["known_at"])


def moments(events):
    """Moments between arrivals, and one after all."""
    times = [row["known_at"] for row in events]
    return [times[len(times) // 3], times[2 * len(times) // 3], times[-1] + 1]


def busiest(events, keys):
    """The five entities with most events, and one with a single one."""
    found = sorted(
        (tuple(row[key] for key in keys) for row in events if all(row[key] for key in keys)), key=str
    )
    counts = sorted((len(list(group)), key) for key, group in groupby(found))
    return [key for _, key in (counts[0], *counts[-5:])]


def expected(feature_set, events, keys, at):
    arrived = (row for row in events if row["known_at"] < at and key_of(feature_set, row) in keys)
    return values(feature_set, merged(feature_set, (state_of(feature_set, row) for row in arrived)), at=at)


@pytest.mark.parametrize("asked", [one for one in abouts() if not one.by_user], ids=lambda one: one.name)
def test_it_is_what_had_arrived_by_then(lake, events, asked):
    for key in busiest(events, asked.keys):
        for at in moments(events):
            for one in known_then(lake, asked, key, at=at):
                assert one.values == expected(one.feature_set, events, {key}, at), (key, at)


@pytest.mark.parametrize("asked", [one for one in abouts() if one.by_user], ids=lambda one: one.name)
def test_a_user_is_all_visitors_who_were_linked_by_then(lake, events, asked):
    links = lake.rows("select visitor_id, user_id, epoch_us(known_at) as known_at from silver.identities")
    of_user = {row["visitor_id"]: row["user_id"] for row in links}
    named = [row | {"user_id": of_user.get(row["visitor_id"])} for row in events]
    differ = 0
    for key in busiest(named, asked.keys):
        user, *rest = key
        for at in moments(events):
            mine = [row for row in links if row["user_id"] == user]
            linked = {(row["visitor_id"], *rest) for row in mine if row["known_at"] < at}
            differ += len(linked) < len({row["visitor_id"] for row in mine})
            for one in known_then(lake, asked, key, at=at):
                assert one.values == expected(one.feature_set, events, linked, at), (key, at)
    assert differ, "some link was not known yet"


def test_it_may_be_what_lies_below_positions(lake, events):
    places = [("clicks", 0), ("clicks", 1), ("orders", 0)]
    below = {place: 1 + number * 100 for number, place in enumerate(places)}
    at = events[-1]["known_at"] + 1
    seen = [row for row in events if row["offset"] < below.get((row["topic"], row["partition"]), 0)]
    asked = about("visitor", ["v"])
    for key in busiest(seen, asked.keys):
        for one in known_then(lake, asked, key, at=at, below=below):
            assert one.values == expected(one.feature_set, seen, {key}, at), key
        assert {one.last_event_at for one in known_then(lake, asked, key, at=at, below={})} == {None}


def test_late_events_are_not_known_before_they_arrive(lake, events):
    late = max(events, key=lambda row: row["known_at"] - row["occurred_at"])
    asked, key = about("visitor", ["v"]), (late["visitor_id"],)
    before, after = (
        next(one for one in known_then(lake, asked, key, at=at) if one.feature_set.name == "user")
        for at in (late["known_at"], late["known_at"] + 1)
    )
    assert late["occurred_at"] < late["known_at"] - 1_000_000
    assert after.values["events"] > before.values["events"]


def test_nobody_knows_a_stranger(lake):
    for asked in abouts():
        key = ["nobody"] * len(asked.keys)
        assert [one.last_event_at for one in known_then(lake, asked, key, at=2**50)] == [None] * len(
            asked.sets
        )


def test_a_lake_without_tables_says_so(tmp_path, tiny_lake):
    empty = LakeReader(type(tiny_lake.names).of(var_dir=str(tmp_path), lake=None))
    with pytest.raises(LakeError, match=r"silver.events, silver.identities, silver.orders yet"):
        known_then(empty, about("product", ["p"]), ["p"], at=1)


def test_entities_are_named_as_sets_name_them():
    names = {(one.name, one.keys, one.by_user): [s.name for s in one.sets] for one in abouts()}
    assert names["visitor", ("visitor_id",), False] == ["traffic", "twin", "user"]
    assert names["user", ("user_id",), True] == ["user"]
    assert names["user_product", ("user_id", "product_id"), True] == ["user_product"]
    assert names["visitor_product", ("visitor_id", "product_id"), False] == ["user_product"]
    with pytest.raises(SettingsError, match="no features of a `cart`; there are of: product, session"):
        about("cart", ["c"])
    with pytest.raises(SettingsError, match="a session is named by 2 keys, not 1: VISITOR_ID SESSION_ID"):
        about("session", ["v"])
