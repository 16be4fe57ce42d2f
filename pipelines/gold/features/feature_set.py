"""A feature set: the one definition from which tables, live values and history are made."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa

from pipelines.errors import SettingsError
from pipelines.gold.features.aggregates import Aggregate
from pipelines.gold.features.aggregates.moments import SinceLast
from pipelines.gold.features.aggregates.sums import Count
from pipelines.gold.features.counting import Counting
from pipelines.gold.features.monoids import Monoid
from pipelines.gold.features.values import kinds
from pipelines.gold.features.windows import LIFETIME, Window

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAMED = "of small letters, digits and _, beginning with a letter"
PURCHASE = "purchase"
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Entity:
    """Whose features: the columns of an event that name it. An event without one of them has no part.

    `by_user`: kept by visitor, and read by user through the identities.
    """

    name: str
    keys: tuple[str, ...]
    by_user: bool = False


@dataclass(frozen=True)
class Feature:
    """An aggregate by name, over each of its windows."""

    name: str
    aggregate: Aggregate
    meaning: str
    windows: tuple[Window, ...] = (LIFETIME,)


@dataclass(frozen=True)
class Ratio:
    """One feature over another, in each window that both have; null where the divisor is 0 or null."""

    name: str
    above: str
    below: str
    meaning: str


@dataclass(frozen=True)
class Ttl:
    """How long after its last event an entity is forgotten: `days`, or less once it has bought."""

    days: float
    days_after_purchase: float | None = None


class Part(NamedTuple):
    """A column of a partial: the feature's aggregate, and the names of its monoid's columns."""

    feature: str
    aggregate: Aggregate
    columns: tuple[str, ...]


class Output(NamedTuple):
    """A column that a reader sees."""

    name: str
    type: pa.DataType
    meaning: str
    window: Window


LAST_AT = Feature("_last", SinceLast(), "time of the last event")
PURCHASES = Feature("_purchases", Count(kinds(PURCHASE)), "purchases, for the expiry")


@dataclass(frozen=True)
class FeatureSet:
    """Features of one entity. A change of meaning is a new `version`, kept in tables of its own.

    `snapshots`: whether the values of each midnight are kept, too. Raises `SettingsError` for a definition
    of which no table could be made, or that names something twice or not at all.
    """

    name: str
    version: int
    entity: Entity
    meaning: str
    features: tuple[Feature, ...]
    ttl: Ttl
    ratios: tuple[Ratio, ...] = field(default=())
    snapshots: bool = False

    def __post_init__(self) -> None:
        wrong = next(_faults(self), None)
        if wrong is not None:
            raise SettingsError(f"feature set `{self.name}`: {wrong}.")

    @property
    def keys(self) -> tuple[str, ...]:
        """The entity's columns."""
        return self.entity.keys

    @cached_property
    def reads(self) -> list[str]:
        """The columns of the events that it looks at, keys among them, in the order of their names."""
        found = {"occurred_at", "event_id", *self.keys}
        return sorted(found.union(*(part.aggregate.reads for part in self.parts)))

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """Every trailing window of its features, each once, in their order."""
        return tuple(dict.fromkeys(w for one in self.features for w in one.windows if w is not LIFETIME))

    @cached_property
    def hops(self) -> tuple[int, ...]:
        """The lengths of its tiles in seconds, each once, the finest first."""
        return tuple(sorted({window.hop for window in self.windows}))

    @property
    def grid(self) -> int:
        """The length in seconds of the tiles that its partials are kept by; 0 when they need none."""
        return self.hops[0] if self.hops else DAY_SECONDS if self.snapshots else 0

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every part, those of the expiry last."""
        return _parts([*self.features, *self.expiry])

    @cached_property
    def lifetime_parts(self) -> tuple[Part, ...]:
        """The parts of an entity's state over all its time."""
        return _parts([*(one for one in self.features if LIFETIME in one.windows), *self.expiry])

    @cached_property
    def monoids(self) -> dict[str, Monoid]:
        """How the elements of each feature are merged, those of the expiry among them."""
        return {part.feature: part.aggregate.monoid for part in self.parts}

    @cached_property
    def counting(self) -> Counting:
        """Which parts an event counts for."""
        return Counting(self.parts)

    @cached_property
    def hops_by_features(self) -> dict[frozenset[str], list[int]]:
        """The lengths of tiles by the features that these hold; the state over all time is of length 0."""
        found: dict[frozenset[str], list[int]] = {}
        for hop in (0, *self.hops):
            parts = self.tile_parts(hop) if hop else self.lifetime_parts
            found.setdefault(frozenset(part.feature for part in parts), []).append(hop)
        return found

    def tile_parts(self, hop: int) -> tuple[Part, ...]:
        """The parts that its tiles of a length hold."""
        return _parts([one for one in self.features if any(w.hop == hop for w in one.windows)])

    @property
    def expiry(self) -> tuple[Feature, ...]:
        """What the time to live is reckoned from."""
        return (LAST_AT,) if self.ttl.days_after_purchase is None else (LAST_AT, PURCHASES)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The columns that a reader sees, by window, ratios after the features."""
        return tuple(one for window in (LIFETIME, *self.windows) for one in self._outputs(window))

    def ratios_over(self, window: Window) -> list[Ratio]:
        """The ratios whose two features have this window."""
        there = {one.name for one in self.features if window in one.windows}
        return [ratio for ratio in self.ratios if {ratio.above, ratio.below} <= there]

    def _outputs(self, window: Window) -> Sequence[Output]:
        features = [one for one in self.features if window in one.windows]
        found = [Output(window.named(one.name), one.aggregate.type, one.meaning, window) for one in features]
        ratios = self.ratios_over(window)
        return found + [Output(window.named(one.name), pa.float64(), one.meaning, window) for one in ratios]


def _faults(one: FeatureSet) -> Iterator[str]:
    """What is wrong with a definition."""
    if not _NAME.fullmatch(str(one.name)):
        yield f"its name is not {_NAMED}"
    if type(one.version) is not int or one.version < 1:
        yield f"its version is {one.version!r}, no whole number from 1 on"
    declared: tuple[tuple[str, object, type], ...] = (("entity", one.entity, Entity), ("ttl", one.ttl, Ttl))
    yield from (
        f"its {name} is {given!r}, no {kind.__name__}"
        for name, given, kind in declared
        if not isinstance(given, kind)
    )
    features = [feature.name for feature in one.features]
    names = [*features, *(ratio.name for ratio in one.ratios)]
    yield from (f"`{name}` is not {_NAMED}" for name in names if not _NAME.fullmatch(str(name)))
    yield from (f"`{name}` is defined twice" for name in sorted({n for n in names if names.count(n) > 1}))
    for ratio in one.ratios:
        yield from (
            f"the ratio `{ratio.name}` is of `{name}`, which is no feature of it"
            for name in (ratio.above, ratio.below)
            if name not in features
        )


def _parts(features: Sequence[Feature]) -> tuple[Part, ...]:
    return tuple(Part(one.name, one.aggregate, _columns(one)) for one in features)


def _columns(feature: Feature) -> tuple[str, ...]:
    suffixes = [suffix for suffix, _ in feature.aggregate.monoid.columns]
    return tuple(f"{feature.name}__{suffix}" if suffix else feature.name for suffix in suffixes)
