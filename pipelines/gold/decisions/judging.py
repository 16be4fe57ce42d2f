"""By which decisions a model may be judged, and whether one was right.

A model says how likely the outcome is where nothing is done. Where something was done, the outcome is not
that any more. So of decisions for which an action was wanted only those of visitors held out count, each for
1 / propensity of them; where nothing was wanted, those count to whom nothing was done, each for
1 / propensity, too (D. Horvitz, D. Thompson, A generalization of sampling without replacement from a finite
universe, 1952). What was wanted depends on the features alone, so each decision counts once on average.
Without a holdout, decisions for which an action was wanted do not count at all.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.problems.action import NOTHING
from pipelines.gold.problems.problem import Problem

JUDGED_BY = ("action", "wanted_action", "is_holdout", "propensity")
"""The columns of a decision by which its weight is told."""


def weights(decisions: pa.Table) -> npt.NDArray[np.float64]:
    """For how many decisions each row of `JUDGED_BY` stands; 0: for none.

    A row without an action is one of which no decision is known: nothing was done, and it stands for itself.
    """
    action = decisions["action"]
    untouched = pc.fill_null(pc.equal(action, NOTHING.name), False)
    held = pc.fill_null(decisions["is_holdout"], False)
    wants_nothing = pc.equal(pc.fill_null(decisions["wanted_action"], NOTHING.name), NOTHING.name)
    counts = pc.and_(untouched, pc.xor(held, wants_nothing))
    chance = pc.fill_null(decisions["propensity"], 1.0).to_numpy()
    stands = np.divide(1.0, chance, out=np.zeros(len(chance)), where=chance > 0)
    known = pc.is_valid(action).to_numpy()
    return np.where(known, np.where(counts.to_numpy(), stands, 0.0), 1.0)


def were_right(
    problems: Mapping[str, Problem],
    names: Sequence[str],
    probabilities: Sequence[float | None],
    labels: Sequence[int | None],
) -> list[bool | None]:
    """Whether each probability lies on its outcome's side of the threshold of the problem's worth."""
    found: list[bool | None] = []
    for name, probability, label in zip(names, probabilities, labels, strict=True):
        problem = problems.get(name)
        if problem is None or probability is None or label is None:
            found.append(None)
        else:
            found.append((probability >= problem.worth.threshold) == (label == 1))
    return found
