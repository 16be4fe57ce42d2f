import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import ModelError
from pipelines.gold.problems.problem import Gates
from tests.training.judged_examples import drawn, judged
from training.contest.contestants import Contestant, Failed
from training.contest.judge import judge

GATES = Gates()
BLOCK, TRUE = drawn(2_000, seed=1, users=700)
NOISE = np.random.default_rng(2).normal(size=(4, 2_000))


def seen(error, number=0, *, name=None, **cost):
    """A contestant that sees the true log-odds with this error, calibrated by shrinking."""
    log_odds = np.log(TRUE / (1 - TRUE)) + 1.2
    shrunk = log_odds.var() / (log_odds.var() + error**2) * (log_odds + error * NOISE[number]) - 1.2
    chances = 1 / (1 + np.exp(-shrunk))
    return Contestant(name or f"model-{number}", chances, **{"row_micros": 5, "artefact_mib": 1, **cost})


CHAMPION = seen(1.5, 0, name="champion")
GOOD, BETTER, EQUAL = seen(0.7, 1, name="good"), seen(0.1, 2, name="better"), seen(1.5, 3, name="equal")


def rule(champion, *challengers, block=BLOCK, gates=GATES, **given):
    return judge(block, champion, challengers, gates=gates, **{"rounds": 300, "seed": 1, **given})


def line(ruling, name):
    return next(one for one in ruling.lines if one.name == name)


def test_the_best_of_those_that_are_better_wins_and_each_is_told_why():
    ruling = rule(CHAMPION, EQUAL, GOOD, BETTER)
    assert ruling.winner == "better"
    assert [one.name for one in ruling.lines if one.won] == ["better"]
    assert line(ruling, "champion").is_champion
    assert line(ruling, "champion").difference is None
    assert "better is better" in line(ruling, "good").reason
    assert line(ruling, "equal").p_adjusted > 0.05
    won = line(ruling, "better")
    gained = won.average_precision.value - line(ruling, "champion").average_precision.value
    assert won.difference.value == pytest.approx(gained)
    assert 0 < won.difference.low < won.difference.value < won.difference.high
    assert ruling.reason == "better takes the place of champion."
    assert ruling.block == {"rows": 2_000, "positives": BLOCK.labels.sum(), "groups": len(set(BLOCK.groups))}


def test_the_same_seed_gives_the_same_ruling_as_json():
    told = [json.dumps(rule(CHAMPION, GOOD, EQUAL).as_data(), allow_nan=False) for _ in range(2)]
    assert told[0] == told[1]


def test_a_tie_keeps_the_champion():
    twin = replace(CHAMPION, name="twin")
    same_ranking = replace(CHAMPION, name="same", probabilities=CHAMPION.probabilities * 0.97)
    ruling = rule(CHAMPION, twin, same_ranking)
    assert ruling.winner is None
    assert ruling.reason == "champion stays: no challenger may take its place."
    assert [line(ruling, name).p_adjusted for name in ("twin", "same")] == [1.0, 1.0]
    assert all("is not above the champion's" in line(ruling, name).reason for name in ("twin", "same"))


def test_a_lead_that_chance_explains_keeps_the_champion():
    either = [rule(CHAMPION, EQUAL), rule(EQUAL, CHAMPION)]
    assert [one.winner for one in either] == [None, None]
    reasons = " ".join(one.reason for ruling in either for one in ruling.lines if not one.is_champion)
    assert "may be chance" in reasons
    assert "is not above" in reasons


@pytest.mark.parametrize(
    ("challenger", "gate"),
    [
        (replace(BETTER, row_micros=501), "row_micros"),
        (replace(BETTER, artefact_mib=20.5), "artefact_mib"),
        (replace(BETTER, row_micros=float("nan")), "row_micros"),
        (replace(BETTER, probabilities=BETTER.probabilities**0.3), "calibration_error"),
    ],
)
def test_a_better_challenger_that_misses_a_gate_leaves_the_place_to_the_next(challenger, gate):
    ruling = rule(CHAMPION, challenger, GOOD)
    assert ruling.winner == "good"
    assert [one.gate for one in line(ruling, "better").gates if not one.kept] == [gate]
    assert f"misses its gates: {gate}" in line(ruling, "better").reason


def test_chance_does_not_refuse_a_calibrated_model():
    strict = Gates(calibration_error=0.01)
    found = rule(CHAMPION, BETTER, gates=strict).lines[1].gates[0]
    assert found.value > 0.01
    assert found.kept


def test_without_champion_the_best_that_ranks_at_all_goes_live():
    chance = Contestant("chance", np.full(2_000, BLOCK.labels.mean()), 5, 1)
    noise = Contestant("noise", np.clip(0.3 + NOISE[3] * 0.01, 0, 1), 5, 1)
    ruling = rule(None, chance, noise, GOOD, BETTER)
    assert ruling.winner == "better"
    assert ruling.reason == "better goes live."
    none = rule(None, chance, noise)
    assert none.winner is None
    assert "still no champion" in none.reason
    assert line(none, "chance").difference.value == pytest.approx(0)


def test_challengers_that_failed_have_a_line_and_hinder_nobody():
    broken = Contestant("broken", np.full(2_000, np.nan), 5, 1)
    ruling = rule(CHAMPION, Failed("away", "no memory left."), broken, BETTER)
    assert ruling.winner == "better"
    assert line(ruling, "away").reason == "It failed: no memory left."
    assert "not numbers between 0 and 1" in line(ruling, "broken").reason
    alone = rule(None, Failed("away", "no memory left."))
    assert (alone.winner, len(alone.lines)) == (None, 1)


def test_a_champion_that_cannot_be_judged_and_a_name_twice_are_errors():
    with pytest.raises(ModelError, match="champion champion"):
        rule(replace(CHAMPION, probabilities=TRUE[:5]), GOOD)
    with pytest.raises(ModelError, match="called good"):
        rule(CHAMPION, GOOD, GOOD)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (replace(BLOCK, labels=np.zeros(2_000, np.int64)), "All 2000 rows of the block are negative"),
        (replace(BLOCK, labels=np.ones(2_000, np.int64)), "All 2000 rows of the block are positive"),
        (replace(BLOCK, labels=(np.arange(2_000) < 29).astype(np.int64)), "least_positives 29 (limit 30)"),
        (replace(BLOCK, weights=np.where(np.arange(2_000) < 400, 1e6, 1)), "least_rows 400"),
        (replace(BLOCK, groups=(np.arange(2_000) % 49).astype(object)), "least_groups 49 (limit 50)"),
        (judged([]), "too small"),
    ],
)
def test_a_block_that_cannot_decide_has_no_winner_and_says_so(block, words):
    ruling = rule(CHAMPION, BETTER, block=block)
    assert ruling.winner is None
    assert words in ruling.reason
    assert [one.reason for one in ruling.lines] == [ruling.reason] * 2


def test_weights_are_rows_that_stand_for_more():
    """The same contest, with half of the decisions logged twice as often or weighted twice."""
    twice = np.arange(2_000) % 2 + 1
    rows = np.repeat(np.arange(2_000), twice)
    weighted = rule(CHAMPION, GOOD, block=replace(BLOCK, weights=twice.astype(float)))
    champion, good = (replace(one, probabilities=one.probabilities[rows]) for one in (CHAMPION, GOOD))
    repeated = rule(champion, good, block=BLOCK.take(rows))
    for one, other in zip(weighted.lines, repeated.lines, strict=True):
        assert vars(one.average_precision) == pytest.approx(vars(other.average_precision))
        assert one.p == other.p
