"""What an ideal observer believes: the exact posterior of persona and intent, by Bayes' rule.

P(paid | seen) = k * sum over persona z and intent i of P(z | earlier visits) P(source | z)
P(i | z, source) P(steps of this visit | i) P(completes | i, cart, signed in), normalised by the same
sum without the last factor; k is the chance that a placed order gets paid within its attempts.
"""

from collections.abc import Iterable, Sequence

from pipelines.simulator.behaviour import (
    LEVEL_SHARES,
    PERSONA_SHARES,
    PERSONAS,
    SOURCES,
    Weights,
    intent_shares,
)

_PRIOR = PERSONA_SHARES
_INTENTS = [[intent_shares(z, s) for z in range(len(PERSONAS))] for s in range(len(SOURCES))]


def level_evidence(level: int) -> list[float]:
    """Likelihood of each persona, given the level a user starts with."""
    return [shares[level] for shares in LEVEL_SHARES]


def visit_evidence(source: int, likelihood: Sequence[float]) -> list[float]:
    """Likelihood of each persona, given a visit's source and the likelihood of its steps by intent."""
    intents = _INTENTS[source]
    shares = SOURCES[source].shares
    a, b, c = likelihood
    return [shares[z] * (intents[z][0] * a + intents[z][1] * b + intents[z][2] * c) for z in range(3)]


def combine(evidence: Sequence[float], more: Sequence[float]) -> list[float]:
    """Both together, scaled to sum to one so that it never vanishes."""
    product = [one * other for one, other in zip(evidence, more, strict=True)]
    total = sum(product)
    return [value / total for value in product]


def completion_probability(
    evidence: Iterable[Sequence[float]], *, source: int, likelihood: Sequence[float], completes: Weights
) -> float:
    """P(the checkout ends in an order | all evidence on the persona, this visit's source and steps)."""
    persona: list[float] = list(_PRIOR)
    for one in evidence:
        persona = combine(persona, one)
    joint = [
        persona[z] * SOURCES[source].shares[z] * _INTENTS[source][z][i] * likelihood[i]
        for z in range(3)
        for i in range(3)
    ]
    weighted = [joint[z * 3 + i] * completes[i] for z in range(3) for i in range(3)]
    return sum(weighted) / sum(joint)
