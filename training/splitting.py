"""Training and validation: earlier and later, with a gap, and no user on both sides."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from pipelines.errors import FitError
from training.examples import Examples, Floats, Integers, Texts

_SHARED_TO_TRAINING = 0.5


@dataclass(frozen=True)
class Split:
    """Two parts without a common group. `boundary`: UTC microseconds where validation begins.

    `left_out` counts the rows in neither part: `gap` (too near before the boundary), `shared_training`
    and `shared_validation` (of groups that were given to the other side).
    """

    train: Examples
    validation: Examples
    boundary: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def split_by_time(examples: Examples, *, share: float, gap_seconds: float) -> Split:
    """The first `share` of the rows to learn from, the later rows to be judged by; see `split_at`."""
    if not 0 < share < 1:
        raise FitError(f"split: the share for training is {share:g}; it must lie between 0 and 1.")
    if not len(examples):
        raise FitError(f"split: no labelled decisions of {examples.problem} yet; wait for outcomes.")
    times = np.sort(examples.decided_at)
    boundary = int(times[min(int(share * len(times)), len(times) - 1)])
    return split_at(examples, boundary=boundary, gap_seconds=gap_seconds)


def split_at(examples: Examples, *, boundary: int, gap_seconds: float) -> Split:
    """Rows decided before `boundary` less the gap, and rows from it on, without a common group.

    With a gap of at least the problem's horizon, every outcome learnt from was known before the first
    decision judged.

    Groups with rows in both parts are given to one side by a stable hash of the group, half to each, and
    those of their rows that are kept weigh double (Horvitz & Thompson 1952). Dropping all of them from
    validation would judge on new users only; dropping all from training would learn from users who never
    come back, and leave nothing to learn from where most do. With halves, both parts stay unbiased
    for the decisions of their time, and no row weighs more than twice its own weight.
    """
    if gap_seconds < 0:
        raise FitError(f"split: the gap is {gap_seconds:g} s; it cannot be negative.")
    late = examples.decided_at >= boundary
    early = (examples.decided_at + round(gap_seconds * 1e6) <= boundary) & ~late
    shared = np.isin(examples.groups, _common(examples.groups[early], examples.groups[late]))
    learns = spread(examples.groups, salt="split") < _SHARED_TO_TRAINING
    return Split(
        train=_side(examples, early, shared, learns, _SHARED_TO_TRAINING),
        validation=_side(examples, late, shared, ~learns, 1 - _SHARED_TO_TRAINING),
        boundary=boundary,
        left_out={
            "gap": int((~early & ~late).sum()),
            "shared_training": int((early & shared & ~learns).sum()),
            "shared_validation": int((late & shared & learns).sum()),
        },
    )


def _common(first: Texts, second: Texts) -> Texts:
    return np.array(sorted(set(first) & set(second)), dtype=object)


def _side(
    examples: Examples,
    part: npt.NDArray[np.bool_],
    shared: npt.NDArray[np.bool_],
    given: npt.NDArray[np.bool_],
    chance: float,
) -> Examples:
    weighed = replace(examples, weights=np.where(shared, examples.weights / chance, examples.weights))
    return weighed.take(part & (~shared | given))


def spread(groups: Texts, *, salt: str) -> Floats:
    """A number in [0, 1) for each row, the same for all rows of a group and in every run."""
    known, which = np.unique(groups.astype(str), return_inverse=True)
    digests = (hashlib.blake2b(f"{salt}\0{one}".encode(), digest_size=8).digest() for one in known)
    numbers = np.array([int.from_bytes(one[:6], "big") for one in digests], dtype=np.float64)
    return np.asarray((numbers / 2**48)[which], dtype=np.float64)


def group_folds(examples: Examples, *, folds: int, seed: int) -> list[tuple[Integers, Integers]]:
    """Pairs of row numbers (to fit, to look at); no group in both, the share of positives alike.

    As many folds as asked for, or as there are groups with each label. Raises `FitError` where rows of
    both labels do not come from two groups at least.
    """
    per_label = [len(set(examples.groups[examples.labels == label])) for label in (0, 1)]
    possible = min(folds, *per_label)
    if possible < 2:
        raise FitError(
            f"{examples.problem}: {per_label[1]} users with the outcome and {per_label[0]} without it are"
            " too few to tune a model; at least two of each are needed: wait for more decisions."
        )
    return list(_folds(examples, possible, seed))


def _folds(examples: Examples, folds: int, seed: int) -> Iterator[tuple[Integers, Integers]]:
    rows = np.zeros((len(examples), 1))
    alone = len(set(examples.groups)) == len(examples)
    kind = StratifiedKFold if alone else StratifiedGroupKFold  # the same, and far quicker without groups
    splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
    yield from splitter.split(rows, examples.labels, None if alone else examples.groups)
