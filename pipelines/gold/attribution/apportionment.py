"""Integers that sum exactly to a whole: the largest-remainder method (Hamilton, 1792).

Each key first gets its quota rounded down; what is left goes, one unit each, to the largest remainders.
Equal remainders: the key that comes first in the alphabet, so that the same input gives the same parts
on every machine and in every order.
"""

from collections.abc import Mapping, Sequence

from pipelines.gold.attribution.touches import DIRECT, MICROS, Touch


def apportion(weights: Mapping[str, int], whole: int) -> dict[str, int]:
    """Parts of `whole` in proportion to `weights`, one per key; they sum to `whole` exactly.

    A negative whole gives the negated parts of its magnitude, so a refund takes back what a sale gave.
    ValueError: a weight is negative, or none is positive.
    """
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError(f"weights are non-negative and one is positive, unlike {dict(weights)}")
    quotas = {key: divmod(weight * abs(whole), total) for key, weight in weights.items()}
    parts = {key: quotient for key, (quotient, _) in quotas.items()}
    left = abs(whole) - sum(parts.values())
    for key in sorted(quotas, key=lambda key: (-quotas[key][1], key))[:left]:
        parts[key] += 1
    return parts if whole >= 0 else {key: -part for key, part in parts.items()}


def credits_by_source(touches: Sequence[Touch], weights: Sequence[int]) -> dict[str, int]:
    """Micro-shares by source of touches that weigh `weights`, one weight each; they sum to 1,000,000.

    Touches of one source add up; a source that earns nothing is left out. No touch: all to `direct`.
    """
    if not touches:
        return {DIRECT: MICROS}
    by_source: dict[str, int] = {}
    for touch, weight in zip(touches, weights, strict=True):
        by_source[touch.source] = by_source.get(touch.source, 0) + weight
    return {source: share for source, share in apportion(by_source, MICROS).items() if share}
