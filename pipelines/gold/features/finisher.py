"""From an entity's state to its columns, quickly: `scalar.values`, with what is always the same done once."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipelines.gold.features.aggregates.sums import quotient
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.scalar import Elements, State, added, is_expired, values
from pipelines.gold.features.windows import LIFETIME, MICROS, Window


class _Ratio(NamedTuple):
    """A column, those that it is made of, and the feature without which it is null."""

    column: str
    above: str
    below: str
    needs: str


class _Window:
    """The columns over one window."""

    def __init__(self, feature_set: FeatureSet, window: Window, prefix: str) -> None:
        self.window = window
        named = {one.name: prefix + window.named(one.name) for one in _over(feature_set, window)}
        self._features = {
            one.name: (named[one.name], one.aggregate.finish) for one in _over(feature_set, window)
        }
        self._ratios = [
            _Ratio(prefix + window.named(one.name), named[one.above], named[one.below], one.below)
            for one in feature_set.ratios_over(window)
        ]

    def finish(self, elements: Elements, found: dict[str, Any], *, at: int) -> None:
        """Set the columns that are not those of an entity without events."""
        features = self._features
        for name, element in elements.items():
            if name in features:
                column, finish = features[name]
                found[column] = finish(element, at)
        for column, above, below, needs in self._ratios:
            if needs in elements:
                numerator, divisor = found[above], found[below]
                there = divisor and numerator is not None
                found[column] = quotient(numerator, divisor) if there else None


class Finisher:
    """Every output column of states of a set, named with a `prefix`."""

    def __init__(self, feature_set: FeatureSet, *, prefix: str = "") -> None:
        self._set = feature_set
        self._lifetime, *trailing = (
            _Window(feature_set, one, prefix) for one in (LIFETIME, *feature_set.windows)
        )
        self._trailing = [(one, one.window) for one in trailing]
        nothing = values(feature_set, State(), at=0)
        self._nothing = {prefix + name: value for name, value in nothing.items()}

    @property
    def nothing(self) -> Mapping[str, Any]:
        """The columns of an entity without events, at any moment."""
        return self._nothing

    def values(self, state: State, *, at: int) -> dict[str, Any]:
        """Every output column at a moment, UTC microseconds: what `scalar.values` gives."""
        found = {**self._nothing}
        if is_expired(self._set.ttl, state.lifetime, at=at):
            return found
        self._lifetime.finish(state.lifetime, found, at=at)
        if state.tiles:
            for one, window in self._trailing:
                elements = self._within(window, state, at)
                if elements:
                    one.finish(elements, found, at=at)
        return found

    def _within(self, window: Window, state: State, at: int) -> Elements:
        """The tiles of the window as one."""
        hop, length = window.hop, window.hop * MICROS
        first, last = (at - window.seconds * MICROS) // length * length, at // length * length
        held = [
            elements
            for (of, start), elements in state.tiles.items()
            if of == hop and first <= start <= last and elements
        ]
        return added(self._set, held)


def _over(feature_set: FeatureSet, window: Window) -> list[Feature]:
    return [one for one in feature_set.features if window in one.windows]
