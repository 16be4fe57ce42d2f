"""What a logged decision saw: whose events, below which positions, and those its caller told of."""

import msgspec
import pyarrow as pa
import pytest

from pipelines.gold.decisions.recomputing import Logged, asked_of, entities, recomputed
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.sets import all_sets
from tests.decided import a_decision
from tests.gold.labels.plain_labels import AT, event

SETS = all_sets()
BY_USER = next(one for one in SETS.values() if one.entity.by_user and one.keys == ("visitor_id",))
SESSION = SETS["session"]


def link(visitor, offset, partition=0):
    return {
        "visitor_id": visitor,
        "user_id": "u1",
        "topic": "clicks",
        "partition": partition,
        "offset": offset,
    }


def logged(*, links=(), **changes):
    nothing = {"added_events": None, "product_id": None, "about_topic": None, "about_partition": None}
    row = nothing | {"about_offset": None} | a_decision(positions='{"clicks":{"0":7,"1":3}}') | changes
    return Logged.of(row, at=AT, links={"u1": list(links)})


def test_its_own_event_is_excluded_by_its_own_offset_and_other_partitions_as_they_were_seen():
    assert logged(about_offset=7).positions == {("clicks", 0): 7, ("clicks", 1): 3}
    assert logged(about_offset=5).positions == {("clicks", 0): 5, ("clicks", 1): 3}
    assert logged(about_partition=1, about_offset=9).positions == {("clicks", 0): 7, ("clicks", 1): 3}
    assert logged(about_partition=2, about_offset=9).positions[("clicks", 2)] == 0
    nobody = logged(about_topic=None, about_partition=None, about_offset=None)
    assert nobody.positions == {("clicks", 0): 7, ("clicks", 1): 3}


def test_a_user_stands_for_the_visitors_whom_events_below_the_positions_link():
    links = [
        link("v1", 7),
        link("v2", 6),
        link("v3", 2, partition=1),
        link("v2", 1),
        link("v4", 3, partition=1),
    ]
    assert logged(links=links).owners == ["v2", "v3"]
    assert logged(links=links, user_id=None).owners == []
    told = msgspec.json.encode([event("page_view", "x", 0, user_id="u1", visitor_id="v9")]).decode()
    assert logged(links=links, added_events=told).owners == ["v2", "v3", "v9"]


@pytest.mark.parametrize(
    ("links", "key", "by_user", "whose"),
    [((), ("v1",), False, [("v1",)]), ([link("v2", 0), link("v3", 0)], ("u1",), True, [("v2",), ("v3",)])],
)
def test_a_set_of_users_is_asked_about_the_user_where_somebody_is_linked(links, key, by_user, whose):
    versions = f'{{"{BY_USER.name}":{BY_USER.version}}}'
    (asked,) = asked_of(BY_USER, [logged(links=links, set_versions=versions)])
    assert (asked.key, asked.is_by_user) == (key, by_user)
    assert entities(BY_USER, asked) == whose


def test_other_versions_are_left_out_and_an_entity_that_is_not_named_has_no_key():
    assert list(asked_of(SESSION, [logged(set_versions='{"session":99}'), logged(set_versions="{}")])) == []
    versions = f'{{"session":{SESSION.version}}}'
    (asked,) = asked_of(SESSION, [logged(set_versions=versions, session_id=None)])
    assert (asked.key, entities(SESSION, asked)) == (None, [])
    (named,) = asked_of(
        SESSION, [logged(set_versions=versions, features='{"session__carts":1,"user__carts":2}')]
    )
    assert named.read(SESSION).values == {"carts": 1}


def test_what_the_caller_told_of_counts_once_and_for_whom_it_names():
    same = {"topic": "clicks", "visitor_id": "v1", "session_id": "s1"}
    events = [
        event("add_to_cart", "seen", -9, offset=6, **same),
        event("add_to_cart", "own", -8, offset=7, **same),
        event("add_to_cart", "other", -7, offset=1, **same | {"session_id": "s2"}),
    ]
    told = [
        event("add_to_cart", "seen", -9, **same),
        event("add_to_cart", "own", -8, **same),
        event("add_to_cart", "twice", -6, **same),
        event("add_to_cart", "twice", -6, **same),
        event("add_to_cart", "elsewhere", -5, **same | {"session_id": "s3"}),
    ]
    row = {"set_versions": f'{{"session":{SESSION.version}}}'}
    table = pa.Table.from_pylist(events, schema=EVENT)
    (plain,) = asked_of(SESSION, [logged(**row)])
    assert recomputed(SESSION, plain, table)["carts"] == 1
    (asked,) = asked_of(SESSION, [logged(**row, added_events=msgspec.json.encode(told).decode())])
    assert recomputed(SESSION, asked, table)["carts"] == 3
