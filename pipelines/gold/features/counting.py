"""For which parts of a feature set an event counts: found by what the event says, not by asking each part."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pipelines.gold.features.values import ANY, Either, Event, Field, Where

if TYPE_CHECKING:
    from pipelines.gold.features.feature_set import Part

_KIND = "kind"


class Counting:
    """The parts by the values of columns that make an event count; most parts look at one such value."""

    def __init__(self, parts: Iterable["Part"]) -> None:
        self._always: list[Part] = []
        self._by_column: dict[str, dict[Any, list[Part]]] = {}
        self._others: list[tuple[Where, Part]] = []
        for part in parts:
            where = part.aggregate.where
            wanted = list(_wanted(where))
            if where == ANY:
                self._always.append(part)
            elif None in wanted:
                self._others.append((where, part))
            else:
                for column, value in filter(None, wanted):
                    self._by_column.setdefault(column, {}).setdefault(value, []).append(part)

    def parts_of(self, event: Event) -> Iterator["Part"]:
        """The parts that the event counts for, some perhaps twice."""
        yield from self._always
        for column, parts in self._by_column.items():
            found = parts.get(event.get(column))
            if found is not None:
                yield from found
        for where, part in self._others:
            if where.holds(event):
                yield part


def _wanted(where: Where) -> Iterator[tuple[str, str | int] | None]:
    """Columns and values any of which makes an event count; None where it takes more than one value."""
    if isinstance(where, Either):
        for one in where.of:
            yield from _wanted(one)
    elif where.kinds and not where.equal:
        for kind in where.kinds:
            yield _KIND, kind
    elif not where.kinds and len(where.equal) == 1 and isinstance(where.equal[0][0], Field):
        ((value, wanted),) = where.equal
        yield value.reads, wanted
    else:
        yield None
