"""Values of carried partials and the events since are those of all events, for every set and clock."""

from dataclasses import replace
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.history import values_at
from pipelines.gold.features.partials import TILE, partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.windows import LIFETIME
from tests.gold.features.drawn_rows import drawn_events, spine_of, visible
from tests.gold.features.shop import BEGIN, DAY, EVERYTHING, events, moments

Rows = list[dict[str, Any]]
LIFELONG = replace(
    EVERYTHING,
    name="lifelong",
    features=tuple(replace(one, windows=(LIFETIME,)) for one in EVERYTHING.features),
)
"""Without tiles: one partial holds all that came before, each value as often as it came."""
VISIBLE = {"occurred": "occurred_at", "known": "offset"}
every_set = pytest.mark.parametrize("feature_set", all_sets().values(), ids=lambda one: one.name)
on_each_clock = pytest.mark.parametrize("clock", list(VISIBLE))


def partials(feature_set: FeatureSet, rows: Rows, *, random: Random, batches: int) -> pa.Table:
    """Partials of the events as so many batches left them: several rows an entity and tile."""
    cut: list[Rows] = [[] for _ in range(batches)]
    for row in rows:
        random.choice(cut).append(row)
    made = [partials_of(feature_set, pa.Table.from_pylist(part, schema=EVENT)) for part in cut]
    found = pa.concat_tables(made)
    return found.take(pa.array(random.sample(range(found.num_rows), found.num_rows), pa.int64()))


def assert_as_all_events(
    feature_set: FeatureSet, rows: Rows, spine: pa.Table, *, clock: str, bound: int, random: Random
) -> None:
    """Of the spine the rows from the bound on, with the events before it as they are and as partials."""
    since = spine.filter(pc.greater_equal(spine["seen_at"], bound))
    wanted = values_at(feature_set, visible(rows, clock=clock), since)
    before = [row for row in rows if row[VISIBLE[clock]] < bound]
    after = visible([row for row in rows if row[VISIBLE[clock]] >= bound], clock=clock)
    for batches in (1, 3):
        carried = partials(feature_set, before, random=random, batches=batches)
        assert values_at(feature_set, after, since, carried).to_pylist() == wanted.to_pylist()


@pytest.mark.parametrize("feature_set", [EVERYTHING, LIFELONG], ids=lambda one: one.name)
@on_each_clock
@settings(max_examples=25)
@given(
    events(),
    st.lists(st.tuples(moments(), st.integers(0, 41), st.sampled_from(["", "a0", "😀9"])), max_size=6),
    st.tuples(moments(), st.integers(0, 41)),
    st.randoms(use_true_random=False),
)
def test_carried_partials_say_what_their_events_do(
    feature_set: FeatureSet,
    clock: str,
    rows: Rows,
    spine: list[tuple[int, int, str]],
    bounds: tuple[int, int],
    random: Random,
) -> None:
    """Every aggregate over every window; samples that overflow, too."""
    by_time = clock == "occurred"
    about = pa.table(
        {
            "visitor_id": pa.array([random.choice(["v", "w", None]) for _ in spine], pa.string()),
            "session_id": pa.array(["s"] * len(spine), pa.string()),
            "at": pa.array([at for at, _, _ in spine], pa.int64()),
            "seen_at": pa.array([at if by_time else offset for at, offset, _ in spine], pa.int64()),
            "event_id": pa.array([name if by_time else "" for _, _, name in spine], pa.string()),
        }
    )
    bound = bounds[0] if by_time else bounds[1]
    assert_as_all_events(feature_set, rows, about, clock=clock, bound=bound, random=random)


@every_set
@on_each_clock
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_each_set_carries(feature_set: FeatureSet, clock: str, seed: int, share: float) -> None:
    rows = drawn_events(feature_set, Random(seed), count=60)
    first, last = BEGIN - 2 * DAY, BEGIN + 30 * DAY
    bound = int(first + (last - first) * share) if clock == "occurred" else int(60 * share)
    spine = spine_of(feature_set, rows[::3], clock=clock)
    assert_as_all_events(feature_set, rows, spine, clock=clock, bound=bound, random=Random(seed))


@settings(max_examples=30)
@given(events(), st.integers(0, 20), st.lists(st.integers(20, 41), min_size=1, max_size=5))
def test_partials_that_become_visible_later_are_seen_from_then_on(
    rows: Rows, linked_at: int, seen_at: list[int]
) -> None:
    """As those of a visitor who is linked with a user after the bound: moments of links are half ones."""
    moment = 2 * (linked_at + 20) + 1
    spine = pa.table(
        {
            "visitor_id": pa.array(["v"] * len(seen_at)),
            "session_id": pa.array(["s"] * len(seen_at)),
            "at": pa.array([BEGIN + 10 * DAY] * len(seen_at), pa.int64()),
            "seen_at": pa.array([2 * seen for seen in seen_at], pa.int64()),
            "event_id": pa.array([""] * len(seen_at)),
        }
    )
    table = pa.Table.from_pylist(rows, schema=EVENT)
    offsets = pc.multiply(table["offset"], 2)
    late = pc.max_element_wise(offsets, pa.scalar(moment))
    was_before = pc.less(offsets, 40)
    all_ = table.append_column("visible_at", pc.if_else(was_before, late, offsets))
    carried = partials_of(EVERYTHING, table.filter(was_before))
    carried = carried.append_column("visible_at", pa.array([moment] * carried.num_rows, pa.int64()))
    after = all_.filter(pc.invert(was_before))
    assert values_at(EVERYTHING, after, spine, carried) == values_at(EVERYTHING, all_, spine)


def test_old_tiles_need_not_be_told_apart() -> None:
    """What no window reaches any more says the same in one tile as in many."""
    random = Random(7)
    for one in (EVERYTHING, *all_sets().values()):
        rows = drawn_events(one, random, count=60)
        bound = BEGIN + 25 * DAY
        spine = spine_of(one, [row for row in rows if row["known_at"] >= bound], clock="known")
        before = [row for row in rows if row["known_at"] < bound]
        after = visible([row for row in rows if row["known_at"] >= bound], clock="known")
        carried = partials(one, before, random=random, batches=2)
        first = min((window.tiles(bound)[0] for window in one.windows), default=0)
        tile = pc.if_else(pc.less(carried[TILE], first), 0, carried[TILE])
        coarse = carried.set_column(carried.column_names.index(TILE), TILE, tile)
        assert len(set(tile.to_pylist())) < len(set(carried[TILE].to_pylist())) or not one.windows
        assert values_at(one, after, spine, coarse) == values_at(one, visible(rows, clock="known"), spine)


def test_a_text_that_came_often_leads_though_others_come_after() -> None:
    """Counts of a partial weigh as many events; samples that overflow before or after the bound agree."""
    random = Random(11)
    for _ in range(40):
        bound = random.randrange(1, 40)
        rows = [
            dict.fromkeys(EVENT.names)
            | {"kind": "product_view", "event_id": f"e{number:02}", "occurred_at": BEGIN + number}
            | {
                "visitor_id": "v",
                "session_id": "s",
                "offset": number,
                "product_id": f"p{random.randrange(9)}",
            }
            | {"category": random.choice("aaabbbccd"[: random.randrange(4, 10)])}
            for number in range(40)
        ]
        spine = spine_of(LIFELONG, rows, clock="occurred")
        assert_as_all_events(LIFELONG, rows, spine, clock="occurred", bound=BEGIN + bound, random=random)
