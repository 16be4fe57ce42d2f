"""Prequential blocks: learn from what was decided, be judged by the next decisions, which nobody has seen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.contracts.contests import Mark
from training.examples import Examples
from training.splitting import Split, split_at


@dataclass(frozen=True)
class Cut:
    """How a block is cut: the next `size` decisions after `since`, and `learn_from` known ones before them.

    `gap_seconds`: the horizon; decisions whose outcome could still come in the block are not learnt from.
    """

    size: int
    since: Mark | None
    learn_from: int
    gap_seconds: float

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Cut":
        """From what `as_data` gave."""
        since = Mark(*told["since"]) if told["since"] else None
        return cls(told["size"], since, told["learn_from"], told["gap_seconds"])

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"since": list(self.since) if self.since else None}


@dataclass(frozen=True)
class Block:
    """One contest's data. `split.train`: to learn from; `split.validation`: the block that judges.

    `until`: the last decision of that block, after which the next one begins. `rows`: of the block before
    users that are on both sides were given to one.
    """

    split: Split
    until: Mark
    rows: int
    cut: Cut


def missing_decisions(examples: Examples, cut: Cut) -> int:
    """How many decisions are still to come before the next block is whole: 0 when it is.

    Without a mark the first block is only learnt from, and the one that judges begins where all of its
    outcomes are known: a gap later.
    """
    return max(0, _first_judged(examples, cut) + cut.size - decisions_after(examples, cut.since))


def decisions_after(examples: Examples, since: Mark | None) -> int:
    """How many decisions have come since the mark."""
    return int(_after(examples, since).sum())


def next_block(examples: Examples, cut: Cut) -> Block | None:
    """The block, or None while decisions are missing.

    What was decided before the mark and became known later is learnt from and never judges.
    """
    if missing_decisions(examples, cut):
        return None
    begin = _first_judged(examples, cut)
    judged = np.flatnonzero(_after(examples, cut.since))[begin : begin + cut.size]
    first, last = judged[0], judged[-1]
    boundary = int(examples.decided_at[first])
    before = np.flatnonzero(examples.decided_at[:first] < boundary)
    known = examples.decided_at[before] + round(cut.gap_seconds * 1e6) <= boundary
    before = before[max(0, int(known.sum()) - cut.learn_from) :]
    chosen = examples.take(np.concatenate([before, judged]))
    split = split_at(chosen, boundary=boundary, gap_seconds=cut.gap_seconds)
    return Block(split, Mark(int(examples.decided_at[last]), str(examples.row_ids[last])), len(judged), cut)


def _first_judged(examples: Examples, cut: Cut) -> int:
    """How many decisions after the mark are passed over."""
    if cut.since or len(examples) < cut.size:
        return 0 if cut.since else cut.size
    known_at = examples.decided_at[cut.size - 1] + round(cut.gap_seconds * 1e6)
    return max(cut.size, int(np.searchsorted(examples.decided_at, known_at)))


def _after(examples: Examples, since: Mark | None) -> npt.NDArray[np.bool_]:
    if since is None:
        return np.ones(len(examples), np.bool_)
    same = examples.decided_at == since.decided_at
    later_id = np.array([str(one) > since.row_id for one in examples.row_ids], np.bool_)
    found: npt.NDArray[np.bool_] = (examples.decided_at > since.decided_at) | (same & later_id)
    return found
