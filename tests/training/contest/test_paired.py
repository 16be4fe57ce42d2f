import numpy as np
import pytest

from tests.training.judged_examples import drawn
from training.contest import paired
from training.contest.contestants import Contestant
from training.contest.trial import measure
from training.evaluation.metrics import METRICS


def spread(rows, rounds=4_000, seed=0, shared=0.0):
    chance = np.random.default_rng(seed)
    noise = np.sqrt(1 - shared) * chance.normal(size=(rows, rounds))
    return noise + np.sqrt(shared) * chance.normal(size=rounds)


def test_p_is_that_of_a_normal_difference():
    found = paired.tested(np.array([1.645]), 1.645 + spread(1, 40_000))
    assert found.p[0] == pytest.approx(0.05, abs=0.005)
    assert found.adjusted[0] == found.p[0]


def test_a_correction_for_challengers_that_are_judged_apart_and_for_copies():
    differences = np.array([2.0, 2.0, 2.0, 2.0])
    apart = paired.tested(differences, 2 + spread(4, 40_000))
    assert apart.adjusted[0] == pytest.approx(1 - (1 - 0.0228) ** 4, abs=0.008)
    copies = paired.tested(differences, np.repeat(2 + spread(1, 40_000), 4, axis=0))
    assert copies.adjusted == pytest.approx(copies.p)


def test_what_is_beaten_already_is_no_longer_corrected_for():
    differences = np.array([1.8, 8.0, 9.0])
    found = paired.tested(differences, differences[:, None] + spread(3))
    assert found.adjusted[0] == pytest.approx(found.p[0])
    assert found.adjusted[1] <= found.adjusted[0]
    assert (found.adjusted >= found.p).all()


def test_no_difference_or_no_spread_is_a_tie():
    found = paired.tested(np.array([0.0, 0.1]), np.array([[0.0] * 50, [0.1] * 50]))
    assert found.p.tolist() == found.adjusted.tolist() == [1.0, 1.0]
    assert paired.tested(np.empty(0), np.empty((0, 50))).p.size == 0


def test_all_are_measured_on_the_same_resamples():
    block, true = drawn(500, seed=1, users=120)
    twins = [Contestant(name, true, 1, 1) for name in "ab"] + [Contestant("c", 1 - true, 1, 1)]
    found, failed = measure(block, twins, rounds=70, seed=3)
    assert failed == {}
    assert found.precision.shape == (3, 71)
    assert (found.precision[0] == found.precision[1]).all()
    whole = METRICS["average_precision"].of(block.labels, true, block.weights, 0.5)
    assert found.precision[0, 0] == pytest.approx(whole)
    assert found.share[0] == pytest.approx(block.labels.mean())


def test_resamples_with_one_outcome_are_left_out():
    block, true = drawn(40, seed=1, users=3)
    block.labels[:] = block.groups == block.groups[0]
    found, _ = measure(block, [Contestant("a", true, 1, 1)], rounds=200, seed=3)
    assert 100 < found.precision.shape[1] < 200
    assert np.isfinite(found.precision).all()


def test_the_level_holds_for_models_of_one_quality():
    """Of 120 contests of three challengers as good as the champion, about 6 may promote."""
    wrong = 0
    for seed in range(120):
        block, true = drawn(500, seed=seed, users=200)
        chance = np.random.default_rng(seed)
        seen = [1 / (1 + np.exp(-(np.log(true / (1 - true)) + chance.normal(size=500)))) for _ in range(4)]
        entered = [Contestant(str(number), one, 1, 1) for number, one in enumerate(seen)]
        found, _ = measure(block, entered, rounds=100, seed=seed)
        differences = found.precision[1:] - found.precision[0]
        wrong += bool((paired.tested(differences[:, 0], differences[:, 1:]).adjusted <= 0.05).any())
    assert 1 <= wrong <= 13
