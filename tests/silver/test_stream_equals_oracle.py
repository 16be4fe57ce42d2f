"""Any log, cut and crashed anywhere, gives the tables that plain Python gives: the stream's own pieces."""

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.connectors.mapping import LiveTranslator, load_mapping
from pipelines.contracts.lake import (
    BRONZE,
    DEAD_LETTERS,
    DUPLICATES,
    IDENTITIES,
    record_tables,
    silver_tables,
)
from pipelines.settings import conf_dir, load_settings
from pipelines.settings.enrichment import enrichment_of
from pipelines.silver.oracle import Oracle
from pipelines.silver.reading import RecordReader
from tests.silver.messages import KINDS, PARCELS, SHOP, Message, Once, Unpack, landed, logs
from tests.silver.stream_in_memory import streams  # noqa: F401 - a fixture

FATES = (*silver_tables(), DEAD_LETTERS.name, DUPLICATES.name)
OF_ARRIVAL = {"offset", "ingested_at", "ingested_date", "known_at", "seen_hour", "repeats_offset", "detail"}
"""Columns that say where and when a record arrived; `detail` names an offset where ids are in conflict."""
seeds = st.integers(0, 2**32).map(random.Random)
many = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def reader():
    mapping = load_mapping("attribution", folder=conf_dir() / "mappings")
    return RecordReader(
        {SHOP: Once(LiveTranslator(mapping)), PARCELS: Unpack()}, enrichment_of(load_settings(overrides=[]))
    )


def oracle_tables(reader, records):
    oracle = Oracle(reader)
    for record in records:
        oracle.take(record)
    return oracle.tables()


def brought(records, rng):
    """The records as they are landed: partitions mixed in any order, cut into batches anywhere."""
    places = [(one.topic, one.partition) for one in records]
    rng.shuffle(places)
    queues = {place: iter([r for r in records if (r.topic, r.partition) == place]) for place in set(places)}
    merged = [next(queues[place]) for place in places]
    cuts = sorted(rng.sample(range(1, len(merged)), min(rng.randint(0, 6), len(merged) - 1)))
    return [merged[a:b] for a, b in zip([0, *cuts], [*cuts, len(merged)], strict=True)]


def stream_tables(begin, reader, records, rng):
    stream = begin(reader)
    for batch in brought(records, rng):
        stream.take(batch, rng, crashes=rng.choice([0, 0, 0, 1, 2]))
        if rng.random() < 0.3:
            stream.restart()
    return {name: stream.table(name) for name in record_tables()}


def contents(table, *, without=frozenset()):
    names = [name for name in table.column_names if name not in without]
    return sorted(map(repr, table.select(names).to_pylist()))


def fates(tables):
    """Position → the fates it has."""
    found = {position: set() for position in _positions(tables[BRONZE.name])}
    for name in FATES:
        fate = "silver" if name in silver_tables() else name
        for position in _positions(tables[name]):
            found[position].add(fate)
    return found


def _positions(table):
    return list(zip(*(table[name].to_pylist() for name in ("topic", "partition", "offset")), strict=True))


def assert_same(found, expected, **options):
    for name in record_tables():
        assert contents(found[name], **options) == contents(expected[name], **options), name


@many
@given(logs(), seeds)
def test_every_table_is_the_oracles_row_for_row(streams, reader, log, rng):  # noqa: F811
    records = landed(log)
    tables = stream_tables(streams, reader, records, rng)
    assert_same(tables, oracle_tables(reader, records))
    assert {len(one) for one in fates(tables).values()} == {1}
    assert tables[BRONZE.name].num_rows == len(records)


@settings(many, max_examples=60)
@given(logs(kinds=KINDS, gaps=[1, 1000]), seeds)
def test_the_order_of_other_visitors_changes_nothing(streams, reader, log, rng):  # noqa: F811
    """A visitor's messages in their order, mixed with the others' in another way, make the same rows."""
    own = [message._replace(partition=int(message.visitor[1:]) % 2, known_at=None) for message in log]
    visitors = [message.visitor for message in own]
    rng.shuffle(visitors)
    queues = {name: iter([m for m in own if m.visitor == name]) for name in set(visitors)}
    mixed = [next(queues[name]) for name in visitors]
    tables = stream_tables(streams, reader, landed(own), rng)
    assert_same(stream_tables(streams, reader, landed(mixed), rng), tables, without=OF_ARRIVAL)


def test_such_logs_have_every_fate_and_table(streams, reader):  # noqa: F811
    """What the tests above draw is worth comparing."""
    rng = random.Random(4)
    log = [
        Message(
            rng.choice([*KINDS, PARCELS]),
            rng.choice(["v1", "v2"]),
            rng.choice([None, "u1", "u2"]),
            rng.randint(1, 3),
            rng.choice([0, 0, 0, 1, 2]),
            lines=rng.randint(1, 3),
            avro=rng.random() < 0.5,
            partition=rng.randint(0, 1),
        )
        for _ in range(300)
    ]
    tables = stream_tables(streams, reader, landed(log), rng)
    assert_same(tables, oracle_tables(reader, landed(log)))
    written = ("silver.events", "silver.orders", "silver.users", DUPLICATES.name, IDENTITIES.name)
    assert all(tables[name].num_rows > 5 for name in written)
    reasons = Counter(tables[DEAD_LETTERS.name]["reason"].to_pylist())
    assert reasons["conflicting_id"] > 5
    assert len(reasons) > 6
