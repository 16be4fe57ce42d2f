import math
from dataclasses import replace

import numpy as np
import pytest

from tests.training.judged_examples import drawn, judged
from training.evaluation.drift import Calibration, Limits, alerts, calibration, psi, psi_of_chance
from training.evaluation.intervals import Interval

THEN = Interval(0.40, 0.36, 0.44)


def columns(seed, rows=3_000):
    chance = np.random.default_rng(seed)
    table = np.column_stack([chance.normal(size=rows), chance.poisson(1, rows), chance.normal(size=rows)])
    table[chance.random(rows) < 0.2, 2] = np.nan
    return table


def test_psi_sees_a_move_and_values_that_went_missing_and_nothing_else():
    moved = columns(2)
    moved[:, 0] += 1
    moved[:1_500, 2] = np.nan
    before, after, same = (judged([0] * 3_000, values=one) for one in (columns(1), moved, columns(3)))
    assert [value > 0.2 for value in psi(before, after).values()] == [True, False, True]
    chance = psi_of_chance(before, same, chance=0.001)
    assert all(0 < value < chance < 0.05 for value in psi(before, same).values())


def test_psi_by_hand():
    before = judged([0] * 4, values=[[0], [0], [1], [1]])
    after = judged([0] * 4, values=[[0], [1], [1], [1]], weights=[2, 2, 2, 2])
    # Up to 0, up to 1, above all that was known, without value.
    p, q = np.array([2.5, 2.5, 0.5, 0.5]) / 6, np.array([1.5, 3.5, 0.5, 0.5]) / 6
    assert psi(before, after)["f0"] == pytest.approx(np.sum((q - p) * np.log(q / p)))


def test_psi_looks_features_up_by_name():
    before = judged([0] * 40, values=np.column_stack([np.arange(40), np.full(40, 7)]))
    turned = replace(before, features=("f1", "f0"), values=before.values[:, ::-1])
    assert psi(before, turned) == {"f0": 0, "f1": 0}


def test_psi_takes_empty_columns_and_blocks():
    table = np.full((5, 2), np.nan)
    before = judged([0] * 5, values=table)
    assert psi(before, before) == {"f0": 0, "f1": 0}
    assert psi(before, judged([], values=np.empty((0, 2)))) == {"f0": 0, "f1": 0}
    assert psi_of_chance(before, judged([]), chance=0.01) == math.inf


def test_chance_passes_the_limit_of_chance_seldom():
    passed = 0
    for seed in range(60):
        before, after = (judged([0] * 800, values=columns(10 + 2 * seed + one, 800)) for one in (0, 1))
        passed += sum(
            value > psi_of_chance(before, after, chance=0.01) for value in psi(before, after).values()
        )
    assert passed <= 8  # of 180


def test_calibration_counts_users_and_not_rows():
    examples, true = drawn(3_000, seed=5, users=60)
    together = calibration(examples, true * 0.8)
    apart = calibration(judged(examples.labels), true * 0.8)
    assert together.ratio == apart.ratio == pytest.approx(examples.labels.sum() / (0.8 * true.sum()))
    assert apart.deviations > 3
    assert together.deviations < 0.9 * apart.deviations
    assert abs(calibration(examples, true).deviations) < 3


def test_calibration_by_hand():
    found = calibration(
        judged([1, 1, 0], users=["a", "a", "b"], weights=[1, 2, 1]), np.array([0.5, 0.5, 0.4])
    )
    assert (found.observed, found.expected) == (3, pytest.approx(1.9))
    assert found.deviations == pytest.approx(1.1 / np.hypot(1.5, 0.4))


def told(**given):
    return alerts(**{"features": {}, "scores": {}, "age_seconds": 0, **given})


def test_no_alert_where_all_holds():
    examples, true = drawn(2_000, seed=6)
    scores = {"average_precision": (THEN, Interval(0.35, 0.30, 0.40))}  # outside, but no surer than that
    found = told(features={"a": 0.19}, calibrated=calibration(examples, true), scores=scores, age_seconds=9)
    assert found == []


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"features": {"a": 0.3, "b": 0.1}}, "drift", "a have moved: PSI 0.300"),
        ({"features": {"a": 0.5}, "features_limit": 0.4}, "drift", "0.400 is allowed"),
        ({"scores": {"average_precision": (THEN, Interval(0.3, 0.26, 0.34))}}, "score", "worse"),
        ({"scores": {"average_precision": (THEN, Interval(0.5, 0.46, 0.54))}}, "score", "better"),
        ({"scores": {"brier": (THEN, Interval(0.5, 0.46, 0.54))}}, "score", "worse"),
        ({"age_seconds": 86_400 * 8}, "staleness", "8.0 days"),
    ],
)
def test_an_alert_for_what_passes_its_limit(given, kind, words):
    [alert] = told(**given)
    assert alert.kind == kind
    assert words in alert.message


def test_calibration_is_alerted_where_it_is_off_by_much_and_surely():
    examples, true = drawn(4_000, seed=7)
    for scale, wanted in ((0.7, ["calibration"]), (0.96, []), (1.0, [])):
        assert [one.kind for one in told(calibrated=calibration(examples, true * scale))] == wanted
    assert told(calibrated=Calibration(observed=12, expected=9, deviations=1.0)) == []
    lenient = Limits(calibration_ratio=0.9)
    assert told(calibrated=calibration(examples, true * 0.7), limits=lenient) == []


def test_values_that_came_where_none_were_are_a_move_even_if_they_are_the_lowest():
    before, after = (judged([0] * 40, values=[[low], [0], [1], [2]] * 10) for low in (np.nan, 0))
    assert psi(before, after)["f0"] > 0.2
