"""What the store holds and what is in flight add up to what plain Python makes of all events, always."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.positions import Vector
from pipelines.gold.features.overlay import Overlay
from pipelines.gold.features.scalar import State, key_of, merged, state_of
from tests.gold.features.placed import PLACES, Rows, below, scattered, vectors
from tests.gold.features.shop import BEGIN, EVERYTHING
from tests.runtime.features.stores import event_at

OTHER = replace(EVERYTHING, name="other")


def state_by(rows: Rows, key: tuple[str, ...]) -> State:
    """The entity's state, event by event."""
    return merged(EVERYTHING, (state_of(EVERYTHING, one) for one in rows if key_of(EVERYTHING, one) == key))


def steps() -> st.SearchStrategy[list[tuple[str, Vector]]]:
    """Polls that consume up to a vector, in part again, releases up to a vector, and reads on the way."""
    return st.lists(st.tuples(st.sampled_from(["poll", "poll", "release", "read"]), vectors()), max_size=8)


@given(scattered(), vectors(), steps(), vectors(), st.booleans())
def test_store_and_overlay_are_all_events_each_once(
    rows: Rows, start: Vector, taken: list[tuple[str, Vector]], stored: Vector, joins: bool
) -> None:
    """Wherever the store is, however polls and releases came, with records given more than once.

    Also of a set that `joins` later: it is asked for after events came that it was not there for.
    """
    overlay = Overlay([OTHER] if joins else [EVERYTHING, OTHER], since=start)
    keys = {key_of(EVERYTHING, one) for one in rows} - {None}
    for what, vector in taken:
        if what == "poll":
            overlay.add(below(rows, vector), until=vector)
        elif what == "release":
            overlay.release(vector)
        for key in keys if what == "read" else ():
            assert key is not None
            overlay.added(EVERYTHING, key, beyond={})
    if not overlay.completes(stored):
        return
    whole = {place: max(stored.get(place, 0), overlay.reached.get(place, 0)) for place in PLACES}
    for key in keys:
        assert key is not None
        added = overlay.added(EVERYTHING, key, beyond=stored)
        held = merged(EVERYTHING, [state_by(below(rows, stored), key), added.state])
        assert held == state_by(below(rows, whole), key)
    for user in ("ann", "bob"):
        beyond = [one for one in below(rows, whole) if one not in below(rows, stored)]
        named = {one["visitor_id"] for one in beyond if one["user_id"] == user}
        assert set(overlay.visitors(user, beyond=stored)) == named


@given(scattered(), vectors())
def test_what_is_covered_is_let_go(rows: Rows, covered: Vector) -> None:
    """Events, the entities that they name and the links that they make."""
    overlay = Overlay([EVERYTHING], since={})
    assert overlay.add(rows, until=dict.fromkeys(PLACES, 100)) == rows
    assert overlay.add(rows, until=dict.fromkeys(PLACES, 100)) == []
    overlay.release(covered)
    assert len(overlay) == len(rows) - len(below(rows, covered))
    overlay.release(dict.fromkeys(PLACES, 100))
    assert len(overlay) == 0
    assert overlay.visitors("ann", beyond={}) == []


def test_a_store_behind_what_was_released_is_not_complete() -> None:
    """Set back, or begun where Kafka no longer held what the store lacked."""
    overlay = Overlay([EVERYTHING], since={("clicks", 0): 5})
    assert not overlay.completes({("clicks", 0): 4})
    assert not overlay.completes({})
    assert overlay.completes({("clicks", 0): 5})
    overlay.release({("clicks", 0): 9, ("clicks", 1): 3})
    assert not overlay.completes({("clicks", 0): 9})
    assert overlay.completes({("clicks", 0): 9, ("clicks", 1): 3})


def test_an_entity_is_merged_anew_once_something_of_it_is_let_go() -> None:
    """What was merged at an earlier read is not kept beyond the events that it was of."""
    place, key = ("clicks", 0), ("v", "s")
    first, second = ({**event_at(BEGIN + n), "topic": "clicks", "partition": 0, "offset": n} for n in (0, 1))
    overlay = Overlay([EVERYTHING], since={})
    overlay.add([first, second], until={place: 2})
    assert overlay.added(EVERYTHING, key, beyond={}).state == state_by([first, second], key)
    overlay.release({place: 1})
    assert overlay.added(EVERYTHING, key, beyond={place: 1}) == (state_by([second], key), 1)
