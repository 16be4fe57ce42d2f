"""The online store in plain Python: what it holds are the events below its positions, one by one."""

from collections.abc import Sequence
from typing import Any

from pipelines.contracts.positions import Vector
from pipelines.gold.features.scalar import State, key_of, merged, state_of
from pipelines.gold.features.sets import all_sets
from serving.state.entities import visitor_of
from serving.state.rows import Covered, Stored
from serving.state.store import Asked, Named, Reading

Rows = Sequence[dict[str, Any]]
EVERY = tuple(all_sets())


def below(rows: Rows, vector: Vector) -> Rows:
    """The events that the vector covers."""
    return [one for one in rows if one["offset"] < vector.get((one["topic"], one["partition"]), 0)]


def linked(rows: Rows, user: str | None) -> list[str]:
    """The visitors whom events name with the user."""
    return sorted({one["visitor_id"] for one in rows if user is not None and one["user_id"] == user})


class MemoryStore:
    """Answers as the online store at these positions; not at all while it is away."""

    asked: Sequence[Named] = (EVERY,)

    def __init__(self, rows: Rows, positions: Vector) -> None:
        self.rows, self.covered = rows, Covered(1, positions)
        self.live = all_sets()
        self.is_away = False

    def move(self, positions: Vector, *, is_exact: bool = True) -> None:
        """Cover what lies below these positions from now on."""
        assert self.covered.batch_id is not None
        self.covered = Covered(self.covered.batch_id + 1, positions, is_exact)

    def read(self, names: Named, questions: Sequence[Asked]) -> Reading | None:
        """As the online store."""
        if self.is_away:
            return None
        held = below(self.rows, self.covered.positions)
        sets = {name: self.live[name] for name in names if name in self.live}
        return Reading(self.covered, sets, [self._stored(held, names, one) for one in questions])

    def _stored(self, held: Rows, names: Named, asked: Asked) -> Stored:
        owners = linked(held, asked.keys.get("user_id"))
        owners = sorted({*owners, *asked.linked}) or list(visitor_of(asked.keys))
        states: dict[str, State] = {}
        for name in names:
            if name in self.live:
                feature_set = self.live[name]
                whose = owners if feature_set.entity.by_user else visitor_of(asked.keys) or ("",)
                keys = [
                    tuple(visitor if key == "visitor_id" else asked.keys.get(key) for key in feature_set.keys)
                    for visitor in whose
                ]
                found = [state_of(feature_set, one) for one in held if key_of(feature_set, one) in keys]
                if found:
                    states[name] = merged(feature_set, found)
        return Stored(states, owners)
