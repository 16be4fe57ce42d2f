"""Prequential blocks: learn from what was decided, be judged by the next decisions, which nobody has seen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.contracts.contests import Mark
from training.examples import Examples
from training.splitting import Split, split_at


@dataclass(frozen=True)
class Block:
    """One contest's data. `split.train`: to learn from; `split.validation`: the block that judges.

    `until`: the last decision of that block, after which the next one begins. `rows`: of the block before
    users that are on both sides were given to one.
    """

    split: Split
    until: Mark
    rows: int


def missing_decisions(examples: Examples, *, size: int, since: Mark | None) -> int:
    """How many decisions are still to come before the next block is whole: 0 when it is.

    Without a mark the first block is only learnt from, so the first contest takes two.
    """
    return max(0, (size if since else 2 * size) - decisions_after(examples, since))


def decisions_after(examples: Examples, since: Mark | None) -> int:
    """How many decisions have come since the mark."""
    return int(_after(examples, since).sum())


def next_block(
    examples: Examples, *, size: int, since: Mark | None, learn_from: int, gap_seconds: float
) -> Block | None:
    """The next `size` decisions after the mark, and the `learn_from` decisions before them; None without.

    What was decided before the mark and became known later is learnt from and never judges. Decisions whose
    outcome could still come in the block (`gap_seconds`, the horizon) are not learnt from.
    """
    if missing_decisions(examples, size=size, since=since):
        return None
    rows = np.flatnonzero(_after(examples, since))
    judged = rows[:size] if since else rows[size : 2 * size]
    first, last = judged[0], judged[-1]
    boundary = int(examples.decided_at[first])
    before = np.flatnonzero(examples.decided_at[:first] < boundary)[-learn_from:]
    chosen = examples.take(np.concatenate([before, judged]))
    split = split_at(chosen, boundary=boundary, gap_seconds=gap_seconds)
    return Block(split, Mark(int(examples.decided_at[last]), str(examples.row_ids[last])), len(judged))


def _after(examples: Examples, since: Mark | None) -> npt.NDArray[np.bool_]:
    if since is None:
        return np.ones(len(examples), np.bool_)
    same = examples.decided_at == since.decided_at
    later_id = np.array([str(one) > since.row_id for one in examples.row_ids], np.bool_)
    found: npt.NDArray[np.bool_] = (examples.decided_at > since.decided_at) | (same & later_id)
    return found
