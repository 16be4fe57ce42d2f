import math

import numpy as np
import pytest

from tests.training.judged_examples import drawn, judged
from training.evaluation.evaluate import evaluate, scored_rows
from training.evaluation.intervals import intervals
from training.evaluation.metrics import METRICS
from training.evaluation.scored import Sums, resamples


def test_resampling_users_is_repeating_their_rows():
    examples, true = drawn(300, seed=1, users=40)
    scored = scored_rows(examples, true, threshold=0.3)
    _, numbers = np.unique(examples.groups.astype(str), return_inverse=True)
    [counts] = resamples(scored.groups, rounds=3, seed=5)
    assert counts.sum(axis=0).tolist() == [scored.groups] * 3
    for name in set(METRICS) - {"calibration_error"}:  # whose bins stay where they are
        found = METRICS[name].resampled(Sums(scored, counts))
        for round_, value in enumerate(found):
            rows = np.repeat(np.arange(300), counts[numbers, round_].astype(int))
            repeated = METRICS[name].of(examples.labels[rows], true[rows], np.ones(len(rows)), 0.3)
            assert value == pytest.approx(repeated), name


def test_the_same_seed_gives_the_same_limits_and_another_seed_others():
    scored = scored_rows(*drawn(400, seed=2, users=90), threshold=0.3)
    first, again, other = (intervals(scored, rounds=100, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["average_precision"].low != other["average_precision"].low
    assert all(one.value == other[name].value for name, one in first.items())


def test_intervals_hold_the_true_value_as_often_as_they_say():
    _, everyone = drawn(200_000, seed=9, users=40_000)
    expected = float(np.mean(everyone * (1 - everyone)))
    found = [
        intervals(
            scored_rows(*drawn(500, seed=1_000 + seed, users=100), threshold=0.3),
            rounds=100,
            seed=seed,
            metrics=[METRICS["brier"]],
        )["brier"]
        for seed in range(120)
    ]
    assert 0.89 <= np.mean([one.low <= expected <= one.high for one in found]) <= 0.99


def test_rows_of_one_user_make_intervals_wider():
    examples, true = drawn(2_000, seed=3, users=100)
    alone = judged(examples.labels)
    metric = [METRICS["average_precision"]]
    together, apart = (
        intervals(scored_rows(one, true, threshold=0.3), rounds=300, seed=1, metrics=metric)[
            "average_precision"
        ]
        for one in (examples, alone)
    )
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_calibration_error_of_true_probabilities_may_be_nothing():
    found = [
        intervals(scored_rows(*drawn(2_000, seed=s), threshold=0.3), rounds=200, seed=1)["calibration_error"]
        for s in range(10)
    ]
    assert sum(one.low < 0.005 for one in found) >= 9


def test_an_evaluation_tells_slices_and_says_which_are_too_small():
    examples, true = drawn(1_000, seed=4)
    devices = ["phone"] * 600 + ["desk"] * 350 + [None] * 50
    examples = judged(examples.labels, slices={"device": devices})
    found = evaluate(examples, true, threshold=0.3, seed=1, rounds=50)
    assert (found.rows, found.positives, found.groups) == (1_000, examples.labels.sum(), 1_000)
    told = found.as_data()["slices"]["device"]
    assert told["(unknown)"]["metrics"] == "too few"
    phone = METRICS["roc_auc"].of(examples.labels[:600], true[:600], np.ones(600), 0.3)
    assert told["phone"]["metrics"]["roc_auc"]["value"] == pytest.approx(phone)


def test_an_evaluation_of_one_outcome_has_nulls_and_no_numbers_that_json_lacks():
    found = evaluate(judged([0] * 50), np.full(50, 0.2), threshold=0.3, seed=1, rounds=20)
    assert math.isnan(found.metrics["roc_auc"].value)
    assert found.as_data()["metrics"]["roc_auc"] == {"value": None, "low": None, "high": None}
    assert found.as_data()["metrics"]["brier"]["value"] == pytest.approx(0.04)
