"""What each action brings, against visitors for whom nothing is done.

An arm's mean is that of its rows, each for 1 / propensity of them (J. Hájek, 1971, after D. Horvitz,
D. Thompson, 1952): what every decision would have come to, had it got that action. Visitors held out are
the other arm, weighted the same way; see `serving/policy/policy.py` for the propensities. Intervals are
percentiles over resamples of visitors, since a visitor's decisions go together (B. Efron, R. Tibshirani, An
Introduction to the Bootstrap, 1993).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Among = Literal["all", "wanted"]

COLUMNS = ("visitor_id", "action", "wanted_action", "is_holdout", "propensity", "outcome", "benefit_minor")
"""What is told of a decision. `outcome`: 0 or 1. `benefit_minor`: what it brought, costs taken off."""
_AT_ONCE = 4_000_000
"""Numbers held at once while visitors are resampled."""


class Estimate(NamedTuple):
    """A difference and the limits between which it lies at the level asked for; None where unknown."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Uplift:
    """An action against doing nothing. `among`: for which decisions it is told.

    `rate`: in outcomes a decision; `minor`: in minor units a decision. `acted`, `held_out`: rows of the two
    arms; `acted_effective`: as many rows of equal weight tell as much, (Σw)² / Σw². `acted_rate`,
    `held_out_rate`: outcomes a decision in each arm.
    """

    action: str
    among: Among
    acted: int
    acted_effective: float
    held_out: int
    acted_rate: float | None
    held_out_rate: float | None
    rate: Estimate
    minor: Estimate


def uplift(
    rows: pa.Table,
    *,
    among: Among,
    needs_account: Collection[str] = (),
    rounds: int = 1_000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Uplift]:
    """The uplift of each action that was taken, by name, over one problem's final decisions.

    `rows` has `COLUMNS`; those without a draw (reason `default`) are to be left out, those without a
    propensity are. `among`: `all`
    tells what the action would bring if every decision got it, and learns that from trials; `wanted` what it
    brings where it is worth most, which is what acting on it brings, by rows of which it was wanted. What
    `needs_account` is told of decisions whose boolean column `has_account` is true: of others nobody got it,
    though some of them are held out. A budget that is used up shifts an action to earlier hours. The
    action `nothing` is what trials and holdout must agree on: its uplift is 0 but for chance.
    """
    rows = rows.filter(pc.field("propensity") > 0)
    action, wanted = (rows[name].to_numpy(zero_copy_only=False) for name in ("action", "wanted_action"))
    held = rows["is_holdout"].to_numpy(zero_copy_only=False).astype(np.bool_)
    data = _Data.of(rows)
    names = sorted({str(one) for one in action[~held]})
    pairs = []
    for name in names:
        within = np.ones(len(held), np.bool_) if among == "all" else wanted == name
        if name in needs_account:
            within = within & rows["has_account"].to_numpy(zero_copy_only=False)
        pairs.append((within & ~held & (action == name), within & held))
    arms = [arm for pair in pairs for arm in pair]
    if not arms:
        return []
    means = data.means(arms)
    resampled = np.concatenate(list(data.resampled(arms, rounds=rounds, seed=seed)))
    return [
        _uplift(
            name, among, pairs[at], data, means[2 * at : 2 * at + 2], resampled[:, 2 * at : 2 * at + 2], level
        )
        for at, name in enumerate(names)
    ]


@dataclass(frozen=True)
class _Data:
    """Of each row its visitor's number, its weight, and its weight times 1, outcome and benefit."""

    visitors: npt.NDArray[np.int64]
    weights: Floats
    weighted: Floats

    @classmethod
    def of(cls, rows: pa.Table) -> "_Data":
        _, visitors = np.unique(
            rows["visitor_id"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True
        )
        weights = 1 / rows["propensity"].to_numpy().astype(np.float64)
        told = [rows[name].to_numpy().astype(np.float64) for name in ("outcome", "benefit_minor")]
        return cls(visitors, weights, weights[:, None] * np.stack([np.ones(len(weights)), *told], axis=1))

    def means(self, arms: list[npt.NDArray[np.bool_]]) -> Floats:
        """Outcomes and benefit a decision of each arm."""
        return _means(np.stack([self.weighted[arm].sum(axis=0) for arm in arms]))

    def resampled(self, arms: list[npt.NDArray[np.bool_]], *, rounds: int, seed: int) -> Iterator[Floats]:
        """The means of each arm in resamples of as many visitors as there are, drawn with replacement."""
        number = int(self.visitors.max()) + 1
        sums = np.zeros((number, len(arms), 3))
        for at, arm in enumerate(arms):
            np.add.at(sums[:, at], self.visitors[arm], self.weighted[arm])
        flat, chance = sums.reshape(number, -1), np.random.default_rng(seed)
        step = max(1, _AT_ONCE // number)
        for first in range(0, rounds, step):
            count = min(step, rounds - first)
            drawn = chance.integers(0, number, (count, number)) + number * np.arange(count)[:, None]
            times = np.bincount(drawn.ravel(), minlength=count * number).reshape(count, number)
            yield _means((times @ flat).reshape(count, len(arms), 3))


def _means(sums: Floats) -> Floats:
    """Of sums of weight, outcome and benefit the last two over the first; not a number where it is 0."""
    whole = sums[..., :1]
    return np.divide(sums[..., 1:], whole, out=np.full_like(sums[..., 1:], np.nan), where=whole > 0)


def _uplift(
    name: str,
    among: Among,
    pair: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    data: _Data,
    means: Floats,
    resampled: Floats,
    level: float,
) -> Uplift:
    acted, held = pair
    weights = data.weights[acted]
    several = all(len(np.unique(data.visitors[arm])) > 1 for arm in pair)
    differences = resampled[:, 0] - resampled[:, 1] if several else np.empty((0, 2))
    rate, minor = (
        _estimate(float(means[0, one] - means[1, one]), differences[:, one], level=level) for one in (0, 1)
    )
    return Uplift(
        action=name,
        among=among,
        acted=int(acted.sum()),
        acted_effective=float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0,
        held_out=int(held.sum()),
        acted_rate=_known(means[0, 0]),
        held_out_rate=_known(means[1, 0]),
        rate=rate,
        minor=minor,
    )


def _estimate(value: float, resampled: Floats, *, level: float) -> Estimate:
    """With the interval of its resamples; those in which an arm has no row are left out."""
    known = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not known.size:
        return Estimate(_known(value), None, None)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def _known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
