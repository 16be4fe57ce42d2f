"""Fates by deduplication, against a brute-force reading of the rule."""

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.fingerprint import record_key
from pipelines.contracts.lake import IDENTITIES
from pipelines.silver.deduplication import HOUR, Deduplicator
from pipelines.silver.keyed_batch import First

BOUND = 100
_TYPES = {
    "topic": pa.string(),
    "partition": pa.int32(),
    "offset": pa.int64(),
    "ingested_at": pa.timestamp("us", "UTC"),
    "record_key": pa.binary(),
    "link_key": pa.binary(),
    "fingerprint": pa.int64(),
}


def record(offset, event="e", said=1, *, at=None, place=("clicks", 0), visitor="v", user=None):
    topic, partition = place
    return {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "ingested_at": offset if at is None else at,
        "record_key": record_key(f"{topic}/{partition}", "silver.events", visitor, event),
        "link_key": None if user is None else record_key("", IDENTITIES.name, visitor, user),
        "fingerprint": said,
    }


def table(records):
    columns = {name: [row[name] for row in records] for name in _TYPES}
    arrays = [
        pa.array(values, pa.int64()).cast(_TYPES[name])
        if name == "ingested_at"
        else pa.array(values, _TYPES[name])
        for name, values in columns.items()
    ]
    return pa.table(arrays, names=list(_TYPES))


class Past:
    """A history of records, as the tables of an earlier run would give it: whatever they hold."""

    def __init__(self, kept=(), linked=()):
        self.kept = list(kept)
        self.linked = list(linked)

    def records(self, firsts, *, bound):
        def before(row):
            first = firsts.get((row["topic"], row["partition"]), First(0, 0))
            return row["offset"] < first.offset and row["ingested_at"] >= first.ingested_at - bound

        return table([row for row in self.kept if before(row)])

    def links(self, firsts):
        return pa.table(
            {
                "topic": [row["topic"] for row in self.linked],
                "partition": [row["partition"] for row in self.linked],
                "offset": [row["offset"] for row in self.linked],
                "link_key": [row["link_key"] for row in self.linked],
                "hour": [row["ingested_at"] // HOUR * HOUR for row in self.linked],
            }
        )


def position(row):
    return row["topic"], row["partition"], row["offset"]


def judge(*batches, history=None):
    judge = Deduplicator(history or Past(), bound=BOUND)
    repeats, conflicts, links = {}, {}, set()
    for batch in batches:
        verdict = judge.judge(table(batch))
        repeats |= verdict.repeats
        conflicts |= verdict.conflicts
        links |= {position for position, _ in verdict.links}
    return repeats, conflicts, links


def brute_force(records):
    """Every record beside every earlier one of its partition, the rule word for word."""
    repeats, conflicts, standing, links, named = {}, {}, [], set(), set()
    for row in sorted(records, key=lambda row: row["offset"]):
        earlier = [
            one
            for one in standing
            if one["record_key"] == row["record_key"] and one["ingested_at"] >= row["ingested_at"] - BOUND
        ]
        latest = max(earlier, key=lambda one: one["offset"], default=None)
        if latest is not None and latest["fingerprint"] != row["fingerprint"]:
            conflicts[position(row)] = latest["offset"]
            continue
        standing.append(row)
        if latest is not None:
            repeats[position(row)] = latest["offset"]
            continue
        name = (row["topic"], row["partition"], row["link_key"], row["ingested_at"] // HOUR)
        if row["link_key"] is not None and name not in named:
            named.add(name)
            links.add(position(row))
    return repeats, conflicts, links


def test_a_second_copy_repeats_and_another_content_contradicts():
    assert judge([record(1), record(2), record(3, said=2), record(4, "other")]) == (
        {("clicks", 0, 2): 1},
        {("clicks", 0, 3): 2},
        set(),
    )


def test_another_visitor_partition_or_table_is_another_record():
    assert judge([record(1), record(2, visitor="w"), record(3, place=("clicks", 1))]) == ({}, {}, set())


def test_the_bound_is_of_the_brokers_clock_and_copies_renew_it():
    within = record(2, at=1 + BOUND)
    again = record(3, at=1 + 2 * BOUND)
    past = record(4, at=2 + 3 * BOUND)
    assert judge([record(1)], [within], [again], [past])[0] == {("clicks", 0, 2): 1, ("clicks", 0, 3): 2}


def test_a_contradiction_does_not_stand_for_later_ones():
    assert judge([record(1), record(2, said=2), record(3, said=2), record(4)]) == (
        {("clicks", 0, 4): 1},
        {("clicks", 0, 2): 1, ("clicks", 0, 3): 1},
        set(),
    )


def test_a_message_of_several_records_has_one_fate():
    click, order = record(2, "click", said=7), record(2, "order", said=7)
    assert judge([record(1, "click", said=7), click, order])[0] == {("clicks", 0, 2): 1}
    assert judge([record(1, "order", said=8), click, order])[1] == {("clicks", 0, 2): 1}


def test_what_lies_after_is_never_seen_though_the_tables_have_it():
    """A batch that is repeated after a crash finds its own rows in the tables."""
    batch = [record(2), record(3, "new"), record(4)]
    assert judge(batch, history=Past([record(1), *batch]))[0] == {("clicks", 0, 2): 1, ("clicks", 0, 4): 2}


def test_a_link_is_noted_once_an_hour_and_not_for_copies():
    hour = HOUR // 1
    rows = [
        record(1, "a", user="u", at=0),
        record(2, "b", user="u", at=1),
        record(3, "a", user="u", at=2),
        record(4, "c", user="w", at=3),
        record(5, "d", user="u", at=hour),
    ]
    assert judge(rows)[2] == {("clicks", 0, 1), ("clicks", 0, 4), ("clicks", 0, 5)}
    known = Past(linked=[record(0, user="u", at=0)])
    assert judge(rows, history=known)[2] == {("clicks", 0, 4), ("clicks", 0, 5)}


@st.composite
def logs(draw):
    """Partitions of records with few ids, contents and gaps, and where batches and restarts cut them."""
    length = draw(st.integers(1, 60))
    rng = random.Random(draw(st.integers(0, 2**32)))
    clock, rows, offsets = 0, [], {}
    for _ in range(length):
        clock += rng.choice([0, 0, 1, 1, 2, 5, 20, BOUND] + [HOUR // 2] * rng.randrange(2))
        place = rng.choice([("clicks", 0), ("clicks", 1), ("orders", 0)])
        offsets[place] = offsets.get(place, -1) + rng.choice([1, 1, 3])
        user = rng.choice([None, "u", "w"])
        event, said = rng.choice("abc"), rng.choice([1, 1, 1, 2])
        rows.append(record(offsets[place], event, said, at=clock, place=place, user=user))
    cuts = sorted(rng.sample(range(length + 1), min(rng.choice([1, 3, 20]), length)))
    batches = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    return rows, [batch for batch in batches if batch]


@given(logs())
def test_fates_depend_on_the_log_alone_not_on_cuts(case):
    rows, batches = case
    expected = [brute_force([r for r in rows if (r["topic"], r["partition"]) == p]) for p in places(rows)]
    whole = tuple(type(one)() for one in expected[0])
    for part in expected:
        for total, found in zip(whole, part, strict=True):
            total.update(found)
    assert judge(*batches) == whole
    assert judge(rows) == whole
    assert judge(*(batch[::-1] for batch in batches)) == whole


@given(logs(), st.data())
def test_a_restart_at_any_batch_changes_nothing(case, data):
    _, batches = case
    _, whole_conflicts, whole_links = whole = judge(*batches)
    cut = data.draw(st.integers(0, len(batches)))
    done = [row for batch in batches[:cut] for row in batch]
    written = done if cut == len(batches) else [*done, *batches[cut]]
    kept = [row for row in written if position(row) not in whole_conflicts]
    # The identities of the repeated batch may have been written or not; its own verdict is the same.
    linked = [row for row in done if position(row) in whole_links]
    first, second = judge(*batches[:cut]), judge(*batches[cut:], history=Past(kept, linked))
    assert tuple(a | b for a, b in zip(first, second, strict=True)) == whole


def places(rows):
    return sorted({(row["topic"], row["partition"]) for row in rows})


def test_a_record_never_repeats_itself_nor_a_later_one():
    judge = Deduplicator(Past(), bound=BOUND)
    batch = table([record(1), record(2), record(3, said=2)])
    first = judge.judge(batch)
    assert first.repeats == {("clicks", 0, 2): 1}
    assert (judge.judge(batch).repeats, judge.judge(batch).conflicts) == (first.repeats, first.conflicts)


def test_memory_is_let_go():
    judge = Deduplicator(Past(), bound=BOUND)
    for number in range(200):
        judge.judge(table([record(number * 50 + n, f"{number}-{n}", at=number * 50 + n) for n in range(50)]))
    assert judge.remembered < 3000


@pytest.mark.parametrize("halves", [("a", "b")])
def test_equal_first_halves_alone_are_not_equal_keys(halves):
    one, other = (record(n, half) for n, half in enumerate(halves, start=1))
    other["record_key"] = one["record_key"][:8] + other["record_key"][8:]
    assert judge([one, other]) == ({}, {}, set())
    assert judge([one], [other]) == ({}, {}, set())
