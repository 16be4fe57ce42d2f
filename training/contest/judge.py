"""Judge a contest: who, if anyone, is to take the champion's place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.errors import ModelError
from pipelines.gold.problems.problem import Gates
from training.contest.contestants import Contestant, Failed
from training.contest.deciding import decided
from training.contest.gates import GateResult, block_gates, contestant_gates
from training.contest.paired import tested
from training.contest.ruling import Line, Ruling
from training.contest.trial import Measured, measure
from training.evaluation.intervals import limits
from training.examples import Examples, Floats


def judge(
    block: Examples,
    champion: Contestant | None,
    challengers: Sequence[Contestant | Failed],
    *,
    gates: Gates,
    level: float = 0.05,
    rounds: int = 2000,
    seed: int,
) -> Ruling:
    """Judge challengers on a block that no contestant was fitted on; probabilities are in its rows' order.

    The winner keeps all gates, is better than the champion (without one: than no ranking at all) at
    `level`, corrected for the number of challengers, and is the best of those. A tie changes nothing.
    Raises `ModelError` where two have one name, or the champion's probabilities cannot be used.
    """
    entered = [*([] if champion is None else [champion]), *challengers]
    _check_names([one.name for one in entered])
    ruling = Ruling(None, (), "", _counts(block), level, rounds, seed)
    unfit = _unfit(block, block_gates(block, gates))
    if unfit is not None:
        told = tuple(_unmeasured(one, unfit, is_champion=one is champion) for one in entered)
        return replace(ruling, lines=told, reason=unfit)
    measured, unusable = measure(
        block, [one for one in entered if isinstance(one, Contestant)], rounds=rounds, seed=seed
    )
    if champion is not None and champion.name in unusable:
        raise ModelError(f"champion {champion.name}: {unusable[champion.name].reason}")
    failed = [one for one in entered if isinstance(one, Failed)] + list(unusable.values())
    judged = [one for one in entered if isinstance(one, Contestant) and one.name not in unusable]
    lines = _lines(judged, measured, champion, gates=gates, level=level)
    return decided(ruling, lines, [_unmeasured(one, f"It failed: {one.reason}") for one in failed])


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ModelError(f"two contestants are called {twice[0]}: give each its own name.")


def _counts(block: Examples) -> dict[str, int]:
    return {
        "rows": len(block),
        "positives": int((block.labels == 1).sum()),
        "groups": len(set(block.groups)),
    }


def _unfit(block: Examples, told: Sequence[GateResult]) -> str | None:
    outcomes = np.unique(block.labels)
    if len(outcomes) == 1:
        which = "positive" if outcomes[0] == 1 else "negative"
        return f"All {len(block)} rows of the block are {which}: nothing can be told apart on it."
    missed = [one for one in told if not one.kept]
    if missed:
        return f"The block is too small to decide on: {', '.join(map(str, missed))}."
    return None


def _unmeasured(one: Contestant | Failed, reason: str, *, is_champion: bool = False) -> Line:
    return Line(one.name, is_champion, False, None, None, None, None, (), reason)


def _lines(
    judged: Sequence[Contestant],
    found: Measured,
    champion: Contestant | None,
    *,
    gates: Gates,
    level: float,
) -> list[Line]:
    lines = [
        _measured_line(one, precision, error, gates)
        for one, precision, error in zip(judged, found.precision, found.error, strict=True)
    ]
    if champion is None:
        return _compared(lines, found.precision - found.share, level)
    first = replace(lines[0], is_champion=True)
    return [first, *_compared(lines[1:], found.precision[1:] - found.precision[0], level)]


def _measured_line(one: Contestant, precision: Floats, error: Floats, gates: Gates) -> Line:
    kept = contestant_gates(one, limits(float(error[0]), error[1:], noisy=True), gates)
    interval = limits(float(precision[0]), precision[1:])
    return Line(one.name, False, False, interval, None, None, None, kept, "")


def _compared(lines: Sequence[Line], differences: Floats, level: float) -> list[Line]:
    if not lines:
        return []
    test = tested(differences[:, 0], differences[:, 1:])
    return [
        replace(
            line,
            difference=limits(float(difference[0]), difference[1:], level=1 - 2 * level),
            p=float(p),
            p_adjusted=float(adjusted),
        )
        for line, difference, p, adjusted in zip(lines, differences, test.p, test.adjusted, strict=True)
    ]
