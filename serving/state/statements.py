"""One statement that reads several feature sets of shoppers, and what they cover, in one snapshot.

It is prepared once a connection. Its rows are of one shape, whatever the table: a number of the table, the
place of the question, the tile's start, then as many columns of each type as the widest table needs. The
row without a place is the newest batch: its id, whether it is exact, and its positions as text. Those without
a table are the visitors whom the sets read by user are read of.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import TILE
from pipelines.gold.features.windows import MICROS
from pipelines.runtime.features.layout import BATCH, Stored, digest, quoted, tables_of
from pipelines.runtime.features.reading import USER, VISITOR
from serving.state.asking import FORMS, FormName, Linked, Parameters

HEAD = 3
"""Columns before those of values: table, place, tile."""
_TYPES = ("bigint", "text", "bigint[]", "text[]")


class Source(NamedTuple):
    """A table of a set, and where a row of the answer holds each of its values, in the table's order."""

    feature_set: FeatureSet
    table: Stored
    columns: tuple[int, ...]


class Statement:
    """Reads these sets, all of which are in Postgres. `name` is that of the prepared statement."""

    def __init__(self, name: str, sets: Sequence[FeatureSet], form: FormName) -> None:
        self.name = name
        self.sets = {one.name: one for one in sets}
        self._longest: dict[int, int] = {}
        for window in (window for one in sets for window in one.windows):
            self._longest[window.hop] = max(window.seconds, self._longest.get(window.hop, 0))
        tables = [(one, table) for one in sets for table in tables_of(one)]
        self._types = _widest(table for _, table in tables)
        self.sources = [Source(one, table, self._columns(table)) for one, table in tables]
        keys = dict.fromkeys((VISITOR, USER, *(key for one in sets for key in one.keys)))
        self._form = FORMS[form](tuple(keys))
        self._given = Parameters(self._form.parameters)
        for hop in self._longest:
            self._given |= {f"first {hop}": "bigint", f"last {hop}": "bigint"}

    @property
    def prepare(self) -> str:
        """What makes it ready on a connection."""
        answers = [self._covered, *(self._rows_of(number) for number in range(len(self.sources)))]
        if self._form.owners:
            answers.append(self._owners(self._form.owners))
        types, shared = ", ".join(self._given.values()), self._form.shared(self._given)
        return f"prepare {quoted(self.name)} ({types}) as {shared}{' union all '.join(answers)}"

    def execute(self, keys: Sequence[Mapping[str, str | None]], linked: Linked, at: Sequence[int]) -> str:
        """What asks it about these entities, with the tiles that windows at these moments need.

        `linked` are further visitors of their users; moments in UTC microseconds.
        """
        given = [*self._form.arguments(keys, linked)]
        first, last = min(at), max(at)
        for hop, seconds in self._longest.items():
            length = hop * MICROS
            given.append(str((first - seconds * MICROS) // length * length))
            given.append(str(last // length * length))
        return f"execute {quoted(self.name)} ({','.join(given)})"

    @property
    def number(self) -> int:
        """Where the batch's row says whether it is exact."""
        return HEAD + self._types.index("bigint")

    @property
    def text(self) -> int:
        """Where the batch's row has its positions, and an owner's the visitor."""
        return HEAD + self._types.index("text")

    @property
    def _covered(self) -> str:
        given = {self.number: "is_exact::integer::bigint", self.text: "positions::text"}
        newest = f"select * from features.batches order by {BATCH} desc limit 1"
        return f"select null::integer, null::bigint, {BATCH}, {self._padded(given)} from ({newest}) as newest"

    def _owners(self, source: str) -> str:
        return f"select null, place, null, {self._padded({self.text: VISITOR})} from {source}"

    def _padded(self, values: Mapping[int, str]) -> str:
        """All columns of values: these by their place in a row, and nulls."""
        return ", ".join(values.get(place, f"null::{type_}") for place, type_ in enumerate(self._types, HEAD))

    def _rows_of(self, number: int) -> str:
        feature_set, table, places = self.sources[number]
        stored = [f"stored.{quoted(name)}" for name in table.values]
        values = self._padded(dict(zip(places, stored, strict=True)))
        asked = self._form.asked(feature_set, self._given)
        on = [f"stored.{quoted(key)} = {value}" for key, value in asked.keys.items()]
        on += [
            f"{digest(f'stored.{quoted(key)}')} = {digest(asked.keys[key])}" for key in sorted(table.digested)
        ]
        if table.is_tiled:
            first, last = (self._given.place(f"{end} {table.hop}") for end in ("first", "last"))
            on.append(f"stored.{TILE} between {first} and {last}")
        tile = f"stored.{TILE}" if table.is_tiled else "0::bigint"
        return (
            f"select {number}, {asked.place}, {tile}, {values} "
            f"from {asked.source}{table.address} as stored where {' and '.join(on)}"
        )

    def _columns(self, table: Stored) -> tuple[int, ...]:
        free = {type_: self._types.index(type_) for type_ in _TYPES if type_ in self._types}
        found = []
        for _, type_ in _values(table):
            found.append(HEAD + free[type_])
            free[type_] += 1
        return tuple(found)


def _widest(tables: Iterable[Stored]) -> list[str]:
    """The type of each column that a row of any table needs; the batch's needs a number and a text."""
    counts = Counter({"bigint": 1, "text": 1})
    for table in tables:
        counts |= Counter(type_ for _, type_ in _values(table))
    return [type_ for type_ in _TYPES for _ in range(counts[type_])]


def _values(table: Stored) -> list[tuple[str, str]]:
    """The table's columns of values and their types."""
    types = {column.name: column.type for column in table.columns}
    return [(name, types[name]) for name in table.values]
