"""The memory of what was seen, beside a plain list of everything that was ever remembered."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.silver.seen import ENTRY, SeenRecords, Sighting

BOUND = 100


def entries(*rows):
    """Rows are `place, key, seen_at, offset`; equal keys modulo 3 share their first half."""
    made = np.zeros(len(rows), dtype=ENTRY)
    for one, (place, key, seen_at, offset) in zip(made, rows, strict=True):
        one["high"], one["low"] = key % 3, key
        one["place"], one["seen_at"], one["offset"], one["fingerprint"] = place, seen_at, offset, -offset
    return made


def sightings(seen, key):
    return sorted(seen.sightings(key % 3, key))


rows = st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(0, 3 * BOUND), st.integers(0, 10**9))
batches = st.lists(st.lists(rows, max_size=6), max_size=30)


@given(batches)
@example([[(0, 1, 50, 1)], [(0, 4, 0, 2)], *[[(0, 8, 0, n)] for n in range(8)]])
def test_nothing_is_forgotten_that_a_later_record_can_repeat(given_batches):
    seen, all_rows, newest = SeenRecords(BOUND), [], {}
    for batch in given_batches:
        seen.remember(entries(*batch))
        all_rows += batch
        for place, _, seen_at, _ in batch:
            newest[place] = max(seen_at, newest.get(place, 0))
        for key in range(9):
            known = [Sighting(offset, at, -offset) for _, its, at, offset in all_rows if its == key]
            needed = [
                Sighting(offset, at, -offset)
                for place, its, at, offset in all_rows
                if its == key and at >= newest[place] - BOUND
            ]
            found = sightings(seen, key)
            assert all(one in found for one in needed)
            assert all(one in known for one in found)
            assert len(found) <= len(known)
            if needed:
                assert seen.may_hold(np.array([key % 3], dtype=np.uint64)).all()


def test_a_key_of_which_nothing_was_seen_is_not_held():
    seen = SeenRecords(BOUND)
    assert not seen.may_hold(np.array([1, 2], dtype=np.uint64)).any()
    assert seen.sightings(1, 1) == []
    seen.remember(entries((0, 1, 0, 0)))
    assert seen.may_hold(np.array([0, 1, 2], dtype=np.uint64)).tolist() == [False, True, False]


def test_the_bound_is_of_each_partitions_own_clock():
    """A partition that lies behind keeps its records, however far another one is ahead."""
    seen = SeenRecords(BOUND)
    seen.remember(entries((0, 1, 0, 1), (1, 2, 0, 1)))
    for number in range(20):
        seen.remember(entries((1, 5, 1_000 + number, 2 + number)))
    assert sightings(seen, 1) == [Sighting(1, 0, -1)]
    assert sightings(seen, 2) == []


def test_a_late_batch_does_not_turn_back_the_clock():
    seen = SeenRecords(BOUND)
    seen.remember(entries((0, 1, 0, 1)))
    seen.remember(entries((0, 2, 1_000, 2)))
    for number in range(20):
        seen.remember(entries((0, 5, 50, 3 + number)))
    assert sightings(seen, 1) == []
    assert sightings(seen, 2) == [Sighting(2, 1_000, -2)]


def test_a_large_run_stays_as_it_is_while_small_ones_are_joined():
    seen = SeenRecords(BOUND)
    seen.remember(entries(*((0, 3 * number, 0, number) for number in range(500))))
    for number in range(100):
        seen.remember(entries((0, 1, 0, 1_000 + number)))
    assert len(seen) == 600
    assert len(seen._runs) < 10
    assert len(sightings(seen, 1)) == 100
    assert all(sightings(seen, 3 * number) == [Sighting(number, 0, -number)] for number in range(500))
