"""Records taken one by one are the events and the repeats that silver makes of them in batches."""

import json
from itertools import pairwise
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.positions import furthest
from pipelines.gold.features.event import TABLES, of_rows
from pipelines.gold.features.overlay import Overlay
from pipelines.gold.features.scalar import key_of
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.feed import Feed
from pipelines.silver.arrow_parser import parse_batch
from pipelines.silver.deduplication import DUPLICATE_BOUND, Deduplicator
from pipelines.silver.settling import drop_rows
from tests.records import CLICK, ORDER, reader_of
from tests.silver.test_deduplication import Past

BEGIN = 1_772_366_400_000_000
MINUTE = 60_000_000
PLACES = [("clicks", 0), ("clicks", 1), ("orders", 0), ("bound", 0)]
SETS = [all_sets()[name] for name in ("session", "user", "product")]
STEPS = (0, 1, MINUTE, 14 * MINUTE, 31 * MINUTE, DUPLICATE_BOUND, DUPLICATE_BOUND + 1)


def bound(values):
    """A topic of another shop: a message is a click, and an order where it says so."""
    return [
        [(topic, json.dumps(one).encode(), None) for topic, one in json.loads(value).items()]
        for value in values
    ]


READER = reader_of({"bound": bound})


@st.composite
def streams(draw: st.DrawFn) -> list[KafkaRecord]:
    """Records over some partitions: few ids, so that they repeat, contradict, and are broken."""
    found: list[KafkaRecord] = []
    ends = dict.fromkeys(PLACES, (0, BEGIN))
    for _ in range(draw(st.integers(0, 25))):
        topic, partition = place = draw(st.sampled_from(PLACES))
        offset, at = ends[place]
        offset, at = offset + draw(st.integers(0, 2)), at + draw(st.sampled_from(STEPS))
        ends[place] = offset + 1, at
        value = json.dumps(message(draw, topic)).encode()
        found.append(KafkaRecord(topic, partition, offset, at, b"v", value, ()))
    return found


def message(draw: st.DrawFn, topic: str) -> dict[str, Any]:
    """What a record of the topic says."""
    same = {"visitor_id": draw(st.sampled_from("vw")), "user_id": draw(st.sampled_from(["ann", None]))}
    kind = draw(st.sampled_from(["product_view", "product_view", "checkout_start", "nonsense"]))
    page = draw(st.sampled_from([None, "https://shop.example/p?utm_source=x"]))
    click = CLICK | same | {"event_id": draw(st.sampled_from("ab")), "event_type": kind, "page_url": page}
    click |= {"session_id": "s", "product_id": draw(st.sampled_from("pq")), "odd": [1]}
    order = ORDER | same | {"event_id": draw(st.sampled_from("ab"))}
    if topic == "bound":
        return {"clicks": click, "orders": order} if draw(st.booleans()) else {"clicks": click}
    return click if topic == "clicks" else order


def by_batch(records: list[KafkaRecord]) -> list[dict[str, Any]]:
    """The events that silver makes of all records at once, through Arrow."""
    parsed = parse_batch(bronze(records), READER) if records else []
    if not parsed:
        return []
    envelope = pa.Table.from_batches([envelope for _, envelope, _ in parsed])
    verdict = Deduplicator(Past()).judge(envelope)
    return [
        event
        for table, _, rows in parsed
        if table in TABLES
        for event in of_rows(table, drop_rows(pa.Table.from_batches([rows]), verdict.set_aside))
    ]


def bronze(records: list[KafkaRecord]) -> pa.RecordBatch:
    """The records as bronze holds them."""
    rows = [one._asdict() | {"ingested_date": None, "headers": None} for one in records]
    columns = [pa.array([row[one.name] for row in rows], one.type) for one in arrow_schema(BRONZE)]
    return pa.RecordBatch.from_arrays(columns, schema=arrow_schema(BRONZE))


def place_of(event: Any) -> tuple[Any, ...]:
    """Where the event came, each one once."""
    return event["topic"], event["partition"], event["offset"], event["event_id"], event["kind"]


@settings(max_examples=60)
@given(streams(), st.lists(st.integers(0, 25), max_size=4), st.data())
def test_one_by_one_is_as_in_batches(records: list[KafkaRecord], cuts: list[int], data: Any) -> None:
    since = {place: data.draw(st.integers(0, 12)) for place in PLACES}
    feed = Feed(READER, SETS, since=since)
    told = []
    bounds = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    for low, high in pairwise(bounds):
        for _, events in feed.take(records[low:high]):
            told += events
    expected = by_batch(records)
    assert sorted(told, key=place_of) == sorted(expected, key=place_of)
    until = {(one.topic, one.partition): one.offset + 1 for one in records}
    overlay = Overlay(SETS, since=since)
    overlay.add(sorted(expected, key=place_of), until=until)
    assert dict(feed.overlay.reached) == furthest([since, until])
    for feature_set in SETS:
        for key in {key_of(feature_set, one) for one in expected} - {None}:
            assert key is not None
            added = feed.overlay.added(feature_set, key, beyond=since)
            assert added == overlay.added(feature_set, key, beyond=since)


def test_an_event_is_asked_about_before_it_counts() -> None:
    feed = Feed(READER, SETS, since={("clicks", 0): 0})
    counted = []
    for record, _ in feed.take([record_of(n) for n in range(3)]):
        counted.append((record.offset, len(feed.overlay), dict(feed.overlay.reached)[("clicks", 0)]))
    assert counted == [(0, 0, 0), (1, 1, 1), (2, 2, 2)]
    assert len(feed.overlay) == 3


def test_whoever_stops_halfway_has_taken_in_all() -> None:
    feed = Feed(READER, SETS, since={("clicks", 0): 0})
    for _ in feed.take([record_of(n) for n in range(3)]):
        break
    assert len(feed.overlay) == 3


def test_partitions_come_and_go() -> None:
    """Of those that are not followed nothing counts; one that comes back begins anew."""
    feed = Feed(READER, SETS, since={("clicks", 0): 0})
    told = [events for _, events in feed.take([record_of(0), record_of(0, partition=1)])]
    assert ([len(events) for events in told], len(feed.overlay)) == ([1, 1], 1)
    feed.leave([("clicks", 0)])
    assert (len(feed.overlay), dict(feed.overlay.reached), list(feed.places)) == (0, {}, [])
    feed.begin({("clicks", 0): 1, ("clicks", 1): 0})
    told = [events for _, events in feed.take([record_of(0), record_of(0, partition=1)])]
    assert ([len(events) for events in told], len(feed.overlay)) == ([1, 1], 1)


def test_what_kafka_has_told_of_is_known_by_its_own_id() -> None:
    feed = Feed(READER, SETS, since={("clicks", 0): 0, ("orders", 0): 0})
    order = record_of(0)._replace(topic="orders", value=json.dumps(ORDER).encode())
    told = [event for _, events in feed.take([record_of(0), order]) for event in events]
    assert [one["event_id"] for one in told] == ["e0", "m1#1", "m1#2"]
    assert all(feed.has_seen(one) for one in told)
    assert not feed.has_seen(told[0] | {"visitor_id": "another"})
    assert not feed.has_seen(told[0] | {"event_id": "m1"})


def test_what_no_record_can_repeat_any_more_is_let_go() -> None:
    feed = Feed(READER, [], since={("clicks", 0): 0})
    for n in range(40):
        list(feed.take([record_of(n, at=BEGIN + n * 5 * MINUTE)]))
    assert not feed.has_seen({"kind": "page_view", "visitor_id": "v1", "event_id": "e0"})
    held = [n for n in range(40) if feed.has_seen({"kind": "x", "visitor_id": "v1", "event_id": f"e{n}"})]
    assert held == list(range(held[0], 40))
    assert 13 <= len(held) <= 16


def test_a_copy_is_known_until_its_own_hour_is_over() -> None:
    """Not only as long as the first record of its quarter of an hour."""
    feed = Feed(READER, [], since={("clicks", 0): 0})
    times = {"a": 0, "b": 14, "c": 16, "d": 31, "e": 46, "f": 62}
    records = [
        record_of(n, at=BEGIN + at * MINUTE, event_id=name) for n, (name, at) in enumerate(times.items())
    ]
    copy = record_of(9, at=BEGIN + 74 * MINUTE, event_id="b")
    assert [len(events) for _, events in feed.take([*records, copy])] == [1] * 6 + [0]


def record_of(
    offset: int, *, partition: int = 0, at: int = BEGIN, event_id: str | None = None
) -> KafkaRecord:
    """A click of its own."""
    value = json.dumps(CLICK | {"event_id": event_id or f"e{offset}"}).encode()
    return KafkaRecord("clicks", partition, offset, at, b"v1", value, ())
