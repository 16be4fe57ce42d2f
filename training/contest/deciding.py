"""Who wins by the lines of a contest, and why, in words."""

from collections.abc import Sequence
from dataclasses import replace

from training.contest.ruling import Line, Ruling

_TIE = 1e-12
"""Average precisions this near are sums of the same rows in another order."""


def decided(ruling: Ruling, lines: Sequence[Line], failed: Sequence[Line]) -> Ruling:
    """The ruling with its winner: the best of those that nothing speaks against."""
    champion = next((one.name for one in lines if one.is_champion), None)
    against = "the share of positives" if champion is None else "the champion's"
    refusals = {one.name: _refusal(one, against, ruling.level) for one in lines if not one.is_champion}
    able = [one for one in lines if refusals.get(one.name, "") is None]
    best = max(able, key=_precision, default=None)
    winner = None if best is None else best.name
    told = tuple(
        replace(one, won=one.name == winner, reason=refusals.get(one.name) or _fate(one, winner, against))
        for one in lines
    )
    return replace(ruling, winner=winner, lines=(*told, *failed), reason=_outcome(winner, champion))


def _precision(line: Line) -> float:
    return line.average_precision.value if line.average_precision else 0.0


def _refusal(line: Line, against: str, level: float) -> str | None:
    """Why this challenger may not go live; None where it may."""
    missed = [str(one) for one in line.gates if not one.kept]
    if missed:
        return f"It misses its gates: {', '.join(missed)}."
    if line.difference is None or line.p_adjusted is None or line.difference.value <= _TIE:
        return f"Its average precision, {_precision(line):.4f}, is not above {against}."
    if line.p_adjusted > level:
        return (
            f"Its average precision is {line.difference.value:.4f} above {against}, "
            f"which may be chance: adjusted p {line.p_adjusted:.4f}, at most {level:g} is needed."
        )
    return None


def _fate(line: Line, winner: str | None, against: str) -> str:
    if line.is_champion:
        return "No challenger may take its place." if winner is None else f"{winner} takes its place."
    if line.name != winner or line.difference is None:
        return f"It is above {against}, but {winner} is better."
    return (
        f"Its average precision is {line.difference.value:.4f} above {against} "
        f"(adjusted p {line.p_adjusted:.4f}), it keeps its gates, and no other such is better."
    )


def _outcome(winner: str | None, champion: str | None) -> str:
    if winner is not None:
        return f"{winner} goes live." if champion is None else f"{winner} takes the place of {champion}."
    if champion is None:
        return "No challenger may go live; there is still no champion."
    return f"{champion} stays: no challenger may take its place."
