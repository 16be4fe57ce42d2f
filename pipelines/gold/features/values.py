"""What an aggregate reads of an event: which events count, and which value of theirs."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.fields import MAX_TEXT_CHARACTERS
from pipelines.contracts.vocabulary import EVENT_TYPES
from pipelines.errors import SettingsError
from pipelines.gold.features.event import EVENT, ORDER_KINDS

Event = Mapping[str, Any]
"""A row of `EVENT`, times in UTC microseconds."""
Kind = Literal["integer", "text"]
KINDS_OF_EVENTS = frozenset({*EVENT_TYPES, *ORDER_KINDS.values()})
_TYPES: dict[Kind, pa.DataType] = {"integer": pa.int64(), "text": pa.string()}
_EXACT = range(-(2**53) + 1, 2**53)
"""Integers that every reader of JSON takes for the same number: RFC 7493, section 2.2."""


class Value(ABC):
    """One value of an event, or none."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """What sort of value it is."""

    @property
    def type(self) -> pa.DataType:
        """Its Arrow type."""
        return _TYPES[self.kind]

    @property
    @abstractmethod
    def reads(self) -> str:
        """The column that it is read from."""

    @abstractmethod
    def of(self, event: Event) -> Any:
        """The value; None when the event has none."""

    @abstractmethod
    def of_rows(self, events: pa.Table) -> pa.Array:
        """The value of each row."""


@dataclass(frozen=True)
class Field(Value):
    """A column of the events. Raises `SettingsError` when they have no such column."""

    name: str

    def __post_init__(self) -> None:
        _check(self.name, EVENT.names, "column of the events")

    @property
    def kind(self) -> Kind:
        return "text" if EVENT.field(self.name).type == pa.string() else "integer"

    @property
    def reads(self) -> str:
        return self.name

    def of(self, event: Event) -> Any:
        return event.get(self.name)

    def of_rows(self, events: pa.Table) -> pa.Array:
        return _one(events[self.name]).cast(self.type)


@dataclass(frozen=True)
class Property(Value):
    """What `properties` holds under a path of names joined by dots; a value of another kind is none.

    True and false are the integers 1 and 0. None, too, are integers that JSON does not hold exactly, beyond
    2^53, and texts that the contract would refuse: too long, or with a NUL, which Postgres cannot hold.
    """

    path: str
    kind: Kind = "integer"

    @property
    def reads(self) -> str:
        return "properties"

    def of(self, event: Event) -> Any:
        return self._read(event.get("properties"))

    def of_rows(self, events: pa.Table) -> pa.Array:
        encoded = _one(events["properties"]).dictionary_encode()
        found = pa.array([self._read(text) for text in encoded.dictionary.to_pylist()], self.type)
        return found.take(encoded.indices)

    def _read(self, text: str | None) -> Any:
        found: Any = msgspec.json.decode(text) if text else None
        for name in self.path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if self.kind == "text":
            return found if isinstance(found, str) and _is_kept(found) else None
        return int(found) if isinstance(found, int) and found in _EXACT else None


@dataclass(frozen=True)
class Where:
    """Which events count: of one of these kinds (none named: of any), and with all of these values.

    `one | other` lets through what either does. Raises `SettingsError` for a kind of event that there
    is not, and for a value that never is.
    """

    kinds: tuple[str, ...] = ()
    equal: tuple[tuple[Value, str | int], ...] = ()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            _check(kind, KINDS_OF_EVENTS, "kind of event")
        for value, wanted in self.equal:
            if isinstance(wanted, str) != (value.kind == "text"):
                raise SettingsError(f"feature sets: {value} is never {wanted!r}: it is of kind {value.kind}.")

    def __or__(self, other: "Where") -> "Where":
        return Either(of=(self, other))

    @property
    def reads(self) -> set[str]:
        """The columns that it looks at."""
        return ({"kind"} if self.kinds else set()) | {value.reads for value, _ in self.equal}

    def holds(self, event: Event) -> bool:
        """Whether the event counts."""
        if self.kinds and event["kind"] not in self.kinds:
            return False
        for value, wanted in self.equal:  # noqa: SIM110 - a generator takes three times as long
            if value.of(event) != wanted:
                return False
        return True

    def of_rows(self, events: pa.Table) -> npt.NDArray[np.bool_]:
        """Whether each row counts."""
        found = np.ones(events.num_rows, bool)
        if self.kinds:
            found &= _bools(pc.is_in(events["kind"], pa.array(self.kinds)))
        for value, wanted in self.equal:
            found &= _bools(pc.equal(value.of_rows(events), wanted))
        return found


@dataclass(frozen=True)
class Either(Where):
    """What any of several lets through."""

    of: tuple[Where, ...] = ()

    @property
    def reads(self) -> set[str]:
        return {name for one in self.of for name in one.reads}

    def holds(self, event: Event) -> bool:
        for one in self.of:  # noqa: SIM110
            if one.holds(event):
                return True
        return False

    def of_rows(self, events: pa.Table) -> npt.NDArray[np.bool_]:
        return reduce(np.logical_or, (one.of_rows(events) for one in self.of))


def kinds(*names: str) -> Where:
    """Events of these kinds."""
    return Where(kinds=names)


def equal(value: Value | str, wanted: str | int) -> Where:
    """Events with this value in a column, or of a property."""
    return Where(equal=((Field(value) if isinstance(value, str) else value, wanted),))


ANY = Where()


def _check(name: str, known: Collection[str], what: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"they are {', '.join(sorted(known))}."
        raise SettingsError(f"feature sets: there is no {what} `{name}`; {hint}")


def _is_kept(text: str) -> bool:
    return len(text) <= MAX_TEXT_CHARACTERS and "\0" not in text


def _bools(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(_one(pc.fill_null(column, False)).to_numpy(zero_copy_only=False), bool)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
