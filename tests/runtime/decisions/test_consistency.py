"""Decisions of a small lake against silver: what they knew is what history says, and a fault is seen."""

import json

import msgspec
import pytest

from pipelines.contracts.fields import read_time
from pipelines.contracts.parsing import RawRecord
from pipelines.contracts.positions import nested
from pipelines.errors import LakeError
from pipelines.gold.features.event import of_row
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.runtime.decisions.consistency import check_decisions
from tests.records import reader_of
from tests.runtime.decisions.log_lake import NOON, SECOND, LogLake, at, click, decided, order

pytestmark = pytest.mark.spark
PROBLEM = all_problems()["checkout_purchase"]
SETS = [all_sets()[name] for name in PROBLEM.sets]
LOG = [
    click("a", 1),
    click("b", 2, visitor_id="v2", session_id="s2", event_type="add_to_cart", product_id="p1"),
    click("c", 3, event_type="add_to_cart", product_id="p1"),
    click("d", 4, event_type="checkout_start"),
    click("e", 5, user_id="u1"),
    click("late", 1.5, visitor_id="v2", session_id="s2"),
    click("f", 6, visitor_id="v2", session_id="s2", user_id="u1", event_type="checkout_start"),
    click("g", 7, user_id="u1", event_type="checkout_start"),
    click("h", 8, visitor_id="v3", session_id="s3", event_type="checkout_start"),
]


def events():
    """The log's feature events, each with its place."""
    found = []
    for offset, (topic, record) in enumerate(LOG):
        (rows,) = reader_of().outcomes(topic, [raw(record)])
        for table, row in rows:
            place = {"topic": topic, "partition": 0, "offset": offset, "ingested_at": row["known_at"]}
            found.append(of_row(table, row | place))
    return found


def raw(record):
    known = read_time(record["occurred_at"], "") + SECOND // 2
    return RawRecord(b"v", json.dumps(record).encode(), (), known)


def known(keys, seen, moment, added=()):
    """The features, event by event, as a scorer is to know them."""
    linking = [one for one in (*seen, *added) if keys["user_id"] and one["user_id"] == keys["user_id"]]
    owners = [one["visitor_id"] for one in linking] or [keys["visitor_id"]]
    found = {}
    for one in SETS:
        visitors = owners if one.entity.by_user else [keys["visitor_id"]]
        wanted = {tuple(v if name == "visitor_id" else keys.get(name) for name in one.keys) for v in visitors}
        mine = [other for other in (*seen, *added) if key_of(one, other) in wanted]
        state = merged(one, (state_of(one, other) for other in mine))
        found |= {f"{one.name}__{name}": value for name, value in values(one, state, at=moment).items()}
    return found


def decisions():
    """A decision about each checkout, and one of a caller who tells of an event."""
    every, found = events(), []
    for one in every:
        if PROBLEM.decision.holds(one):
            found.append(decision(one["offset"], one, every[: one["offset"]], one["known_at"]))
    told = {**every[2], "event_id": "told", "topic": None, "partition": None, "offset": None}
    nobody = {"about_event": None, "about_topic": None, "about_partition": None, "about_offset": None}
    made = decision(len(LOG), every[3], every, NOON + 20 * SECOND, added=[every[2], told])
    found.append((made[0], made[1] | nobody | {"door": "http", "occurred_at": at(20)}))
    return found


def decision(number, about, seen, moment, added=()):
    keys = {name: about[name] for name in ("visitor_id", "user_id", "session_id", "product_id")}
    new = [one for one in added if one["offset"] is None]
    said = {
        **keys,
        "about_event": about["event_id"],
        "features": text(known(keys, seen, moment, new)),
        "set_versions": text({one.name: one.version for one in SETS}),
        "positions": text(nested({("clicks", 0): len(seen)})),
        "added_events": text(added) if added else None,
    }
    return decided(number, 9 + number / 10, **said)


def text(content):
    return msgspec.json.encode(content).decode()


def check(spark, lake, **options):
    return check_decisions(spark, lake.names, **{"most": 100, "wait_seconds": 0} | options)


def changed(pair, **changes):
    topic, record = pair
    return topic, {**record, "event_id": f"{record['event_id']}-changed", **changes}


@pytest.fixture
def lake(tmp_path):
    found = LogLake(tmp_path)
    found.send(*LOG, order("o", 30))
    return found


def test_sound_decisions_hold_and_each_fault_is_seen(spark, lake):
    made = decisions()
    lake.send(*made)
    sound = check(spark, lake)
    assert sound.holds, sound.as_data()
    assert (sound.decisions, sound.compared.left_out) == (5, 0)
    told = sound.as_data()
    assert {(one["set"], one["by_user"]) for one in told["sets"]} >= {("session", False), ("user", True)}
    assert told["values"] == 5 * sum(len(one.outputs) for one in SETS)

    features = msgspec.json.decode(made[0][1]["features"])
    name = next(name for name, value in features.items() if name.startswith("session__") and value == 1)
    gone = next(name for name, value in features.items() if value is None)
    lake.send(
        changed(made[0], features=text(features | {name: 2, gone: 3})),
        changed(made[1], features=text(msgspec.json.decode(made[1][1]["features"]) | {name: None})),
    )
    broken = check(spark, lake).as_data()
    assert not broken["holds"]
    assert (broken["mismatch"], broken["missing"], broken["extra"]) == (1, 1, 1)

    lake.send(
        changed(made[0], event_id="x", state_ahead=True, features="{}"),
        changed(made[0], event_id="y", is_whole=False),
        changed(made[0], event_id="z", about_event="nobody"),
        changed(made[0], event_id="w", positions='{"clicks":{"0":99}}', occurred_at=at(40)),
    )
    counted = check(spark, lake)
    assert (counted.state_ahead, counted.not_whole, counted.without_event) == (1, 1, 1)
    assert counted.compared.left_out == 3
    with pytest.raises(LakeError, match="none of 1 logged decisions can be checked"):
        check(spark, lake, most=1)


def test_one_event_too_few_or_too_many_is_a_fault(spark, lake):
    """The positions decide: a decision that knew an event more or less than it says is found out."""
    every = events()
    about = every[7]
    lake.send(decision(7, about, every[:7], about["known_at"]))
    assert check(spark, lake).holds
    topic, fewer = decision(7, about, every[:6], about["known_at"])
    lake.send((topic, fewer | {"event_id": "few", "positions": text({"clicks": {"0": 7}})}))
    assert not check(spark, lake).holds
    topic, more = decision(7, about, every[:8], about["known_at"])
    other = LogLake(lake.names.var_dir / "other")
    other.send(*LOG)
    other.send((topic, more | {"event_id": "own"}))
    assert not check(spark, other).holds, "it saw its own event"
