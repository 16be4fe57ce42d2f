"""How often contests promote a challenger that is not better, and miss one that clearly is.

    python -m tests.benchmarks.contests [--contests 1000] [--seed 0]

Nothing is fitted: true probabilities, labels and scores are drawn, so that the true average precision of each
contestant is known (`contest_population`). Half of the contests have a better challenger among 1 to 5; in the
others each is as good as the champion or worse. Blocks of 2,500 to 10,000 decisions, 4 to 30 % positive.

An improvement is clear where the true average precision is higher by at least 1 / sqrt(expected positives of
the block): 0.05 for 10,000 decisions of which 4 % are positive, 0.018 for 30 %.
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from pipelines.gold.problems.problem import Gates
from tests.benchmarks.contest_population import Population, Quality, normal_by_user
from training.contest.contestants import Contestant
from training.contest.judge import judge
from training.examples import Examples, Integers

ROUNDS = 500
STEPS = (0, 0.5, 1, 1.5, 2)
"""Improvements, in multiples of a clear one, from which on it is told how many are found."""


@dataclass(frozen=True)
class Drawn:
    """A contest whose true average precisions are known: the champion's first."""

    block: Examples
    contestants: tuple[Contestant, ...]
    truths: tuple[float, ...]
    clear: float

    @property
    def better(self) -> set[str]:
        return self._above(0.0)

    @property
    def clearly_better(self) -> set[str]:
        return self._above(self.clear)

    def _above(self, margin: float) -> set[str]:
        named = zip(self.contestants[1:], self.truths[1:], strict=True)
        return {
            one.name for one, truth in named if truth > self.truths[0] and truth - self.truths[0] >= margin
        }


def draw(chance: np.random.Generator, *, with_better: bool) -> Drawn:
    population = Population(
        prevalence=float(np.exp(chance.uniform(*np.log((0.04, 0.30))))),
        spread=float(chance.uniform(1, 2.5)),
        user_share=float(chance.uniform(0, 0.6)),
    )
    rows = round(float(np.exp(chance.uniform(*np.log((2_500, 10_000))))))
    users = _users(rows, chance)
    log_odds = population.log_odds(users, chance)
    labels = (chance.random(rows) < expit(log_odds)).astype(np.int64)
    error = population.spread * float(chance.uniform(0.5, 2))
    errors = [error, *(error * one for one in _ratios(chance, with_better=with_better))]
    qualities = [Quality(population, one) for one in errors]
    user_error, shared = chance.uniform(0, 0.5), chance.uniform(0, 0.95)
    common = normal_by_user(users, user_error, chance)
    contestants = []
    for number, quality in enumerate(qualities):
        own = normal_by_user(users, user_error, chance)
        seen = quality.probabilities(log_odds, np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        contestants.append(Contestant(f"{number}", seen, row_micros=1, artefact_mib=1))
    truths = tuple(one.average_precision for one in qualities)
    clear = 1 / np.sqrt(population.prevalence * rows)
    return Drawn(_block(users, labels), tuple(contestants), truths, float(clear))


def _users(rows: int, chance: np.random.Generator) -> Integers:
    """A user for each row: most have few, some have many."""
    sizes = 1 + chance.geometric(1 / chance.uniform(1.2, 5), size=rows) * (
        1 + 9 * (chance.random(rows) < 0.01)
    )
    return np.repeat(np.arange(rows), sizes)[:rows]


def _ratios(chance: np.random.Generator, *, with_better: bool) -> list[float]:
    """Error of each challenger over the champion's."""
    kinds = chance.choice(
        ["equal", "worse", *(["better"] if with_better else [])], size=chance.integers(1, 6)
    )
    if with_better:
        kinds[0] = "better"
    drawn = {"equal": (1, 1), "worse": (1.02, 2), "better": (0.3, 0.98)}
    return [float(chance.uniform(*drawn[kind])) for kind in kinds]


def _block(users: Integers, labels: Integers) -> Examples:
    rows = len(labels)
    return Examples(
        problem="simulated",
        features=(),
        row_ids=np.arange(rows).astype(object),
        decided_at=np.arange(rows),
        groups=users.astype(object),
        labels=labels,
        weights=np.ones(rows),
        values=np.empty((rows, 0), np.float32),
    )


def contest_figures(contests: int = 1000, seed: int = 0) -> dict[str, Any]:
    """`promotions_wrong`: share of the contests in which some challenger is not better that promote such.

    `promotions_missed`: share of those with a clearly better challenger that promote no better one.
    """
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    for number, own in enumerate(np.random.SeedSequence(seed).spawn(contests)):
        chance = np.random.default_rng(own)
        drawn = draw(chance, with_better=number % 2 == 0)
        champion, *challengers = drawn.contestants
        ruling = judge(drawn.block, champion, challengers, gates=Gates(), rounds=ROUNDS, seed=number)
        counts.update(_outcomes(drawn, ruling.winner))
        counts["refused"] += sum(not gate.kept for line in ruling.lines for gate in line.gates)
    return {
        "contests": contests,
        "promotions_wrong": _share(counts, "wrong", "can_be_wrong"),
        "promotions_missed": _share(counts, "missed", "clear"),
        "promotions_wrong_where_none_is_better": _share(counts, "wrong_none_better", "none_better"),
        "promotions_wrong_of_all_promotions": _share(counts, "wrong", "promoted"),
        "contests_with_clear_improvement": counts["clear"],
        "contests_with_any_improvement": counts["better"],
        "promotions_missed_of_any_improvement": _share(counts, "missed_any", "better"),
        "found_by_multiples_of_clear": {
            f"{step:g}+": _share(counts, f"found {step:g}", f"there {step:g}") for step in STEPS
        },
        "gates_refused": counts["refused"],
        "rounds": ROUNDS,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _outcomes(drawn: Drawn, winner: str | None) -> list[str]:
    better, clear = drawn.better, drawn.clearly_better
    wrong = winner is not None and winner not in better
    told = {
        "can_be_wrong": len(better) < len(drawn.contestants) - 1,
        "none_better": not better,
        "better": bool(better),
        "clear": bool(clear),
        "promoted": winner is not None,
        "wrong": wrong,
        "wrong_none_better": wrong and not better,
        "missed": bool(clear) and winner not in better,
        "missed_any": bool(better) and winner not in better,
    }
    gained = (max(drawn.truths[1:]) - drawn.truths[0]) / drawn.clear
    step = max((one for one in STEPS if one <= gained), default=0)
    told |= {f"there {step:g}": gained > 0, f"found {step:g}": gained > 0 and winner in better}
    return [name for name, holds in told.items() if holds]


def _share(counts: Counter[str], part: str, whole: str) -> float:
    return round(counts[part] / max(counts[whole], 1), 4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Simulated contests with known better and worse challengers."
    )
    parser.add_argument("--contests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    sys.stdout.write(json.dumps(contest_figures(chosen.contests, chosen.seed)) + "\n")


if __name__ == "__main__":
    main()
