"""The rows of a statement as states, and what the store covers with them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

import msgspec

from pipelines.contracts.positions import Vector, flat
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.monoids import Element
from pipelines.gold.features.scalar import Elements, State, Tile, merged
from serving.state.statements import HEAD, Source, Statement

Row = tuple[Any, ...]


class Covered(NamedTuple):
    """The newest batch that the store holds: before the first one it has no id and covers nothing."""

    batch_id: int | None = None
    positions: Vector = {}  # noqa: RUF012 - a vector is never changed
    is_exact: bool = True


class Stored(NamedTuple):
    """What the store has for one question: states by set, and the visitors that its user stands for."""

    states: Mapping[str, State]
    owners: Sequence[str]


class Positions:
    """Reads positions, the same text once: one vector a batch, for all statements."""

    def __init__(self) -> None:
        self._said: tuple[str, Vector] = ("{}", {})

    def of(self, text: str) -> Vector:
        """The vector that the JSON says."""
        if text != self._said[0]:
            self._said = text, flat(msgspec.json.decode(text))
        return self._said[1]


class Rows:
    """Reads the rows of one statement."""

    def __init__(self, statement: Statement, positions: Positions) -> None:
        self._plans = [_Plan(source) for source in statement.sources]
        self._number, self._text = statement.number, statement.text
        self._positions = positions

    def read(self, rows: Iterable[Row], *, questions: int) -> tuple[Covered, list[Stored]]:
        """What is covered, and what is stored for each of so many questions."""
        covered = Covered()
        states: list[dict[str, State]] = [{} for _ in range(questions)]
        owners: list[list[str]] = [[] for _ in range(questions)]
        for row in rows:
            number, place, tile = row[:HEAD]
            if number is not None:
                self._plans[number].add(states[place - 1], tile, row)
            elif place is None:
                covered = Covered(tile, self._positions.of(row[self._text]), bool(row[self._number]))
            elif row[self._text] is not None:
                owners[place - 1].append(row[self._text])
        return covered, [Stored(*one) for one in zip(states, owners, strict=True)]


class _Plan:
    """How a row of one table becomes elements."""

    def __init__(self, source: Source) -> None:
        self._set: FeatureSet = source.feature_set
        self._hop = source.table.hop
        places = dict(zip(source.table.values, source.columns, strict=True))
        self._single: list[tuple[str, int]] = []
        self._several: list[tuple[str, int, Callable[[Row], Element]]] = []
        for part in source.table.parts:
            first, *others = (places[column] for column in part.columns)
            if others:
                self._several.append((part.feature, first, itemgetter(first, *others)))
            else:
                self._single.append((part.feature, first))

    def add(self, states: dict[str, State], start: int, row: Row) -> None:
        """Add the row to the state of its set: what several visitors of a user have is merged."""
        elements = self._elements(row)
        tile: Tile = (self._hop, start)
        state = states.get(self._set.name)
        if state is None:
            states[self._set.name] = State({}, {tile: elements}) if self._hop else State(elements, {})
        elif self._hop and tile not in state.tiles:
            cast(dict[Tile, Elements], state.tiles)[tile] = elements  # made above, and nobody else's yet
        else:
            added = State({}, {tile: elements}) if self._hop else State(elements, {})
            states[self._set.name] = merged(self._set, [state, added])

    def _elements(self, row: Row) -> Elements:
        found: dict[str, Element] = {
            name: (value,) for name, place in self._single if (value := row[place]) is not None
        }
        for name, place, element in self._several:
            if row[place] is not None:
                found[name] = element(row)
        return found
