"""Events that lie in Kafka's partitions, and positions there."""

from typing import Any

from hypothesis import strategies as st

from pipelines.contracts.positions import Vector
from tests.gold.features.shop import events

Rows = list[dict[str, Any]]
PLACES = [("clicks", 0), ("clicks", 1), ("orders", 0)]


@st.composite
def scattered(draw: st.DrawFn) -> Rows:
    """Events over some partitions, of which an offset may hold several, and others none."""
    rows, ends = draw(events()), dict.fromkeys(PLACES, 0)
    for row in rows:
        place = draw(st.sampled_from(PLACES))
        row["topic"], row["partition"] = place
        row["offset"] = ends[place] = ends[place] + draw(st.integers(0, 2))
        row["user_id"] = draw(st.sampled_from(["ann", "bob", None]))
    return rows


def vectors() -> st.SearchStrategy[Vector]:
    """Somewhere in the partitions; one that is not there is at its beginning."""
    return st.dictionaries(st.sampled_from(PLACES), st.integers(0, 60))


def below(rows: Rows, vector: Vector) -> Rows:
    """The events that the vector covers."""
    return [one for one in rows if one["offset"] < vector.get((one["topic"], one["partition"]), 0)]
