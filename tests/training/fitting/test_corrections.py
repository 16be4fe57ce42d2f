"""What follows a model: correction for sampling, calibration, threshold. Each against known truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import log_loss

from pipelines.gold.problems.problem import Worth
from tests.training.made_examples import each_its_own_group, made
from training.fitting.calibration import LIMIT, Untouched, calibrate, fit_isotonic, fit_sigmoid
from training.fitting.negative_sampling import corrected, sample_negatives
from training.fitting.threshold import choose_threshold
from training.splitting import group_folds


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(1e-4, 1))
def test_the_correction_is_exact(positives, negatives, share):
    seen = positives / (positives + share * negatives)
    assert corrected([seen], share)[0] == pytest.approx(positives / (positives + negatives), rel=1e-9)


@given(st.lists(st.integers(0, 1), max_size=200), st.floats(0.2, 5))
def test_all_positives_are_kept_and_the_share_is_what_was_kept(labels, per_positive):
    labels = np.array(labels, dtype=np.int64)
    sample = sample_negatives(labels, seed=1, per_positive=per_positive)
    kept = labels[sample.rows]
    assert kept.sum() == labels.sum()
    assert (np.diff(sample.rows) > 0).all()
    assert (kept == 0).sum() == pytest.approx(sample.share * (labels == 0).sum())
    if labels.sum() > 0 and sample.share < 1:
        assert (kept == 0).sum() == round(per_positive * labels.sum())


def scored(bend, rows=6_000, seed=0):
    """Out-of-fold scores `bend` (of log-odds) away from the truth."""
    examples = each_its_own_group(made(rows))
    random = np.random.default_rng(seed)
    odds = random.normal(-1, 1.5, rows)
    labels = (random.random(rows) < expit(odds)).astype(np.int64)
    examples = replace(examples, labels=labels)
    return examples, expit(bend(odds)), expit(odds)


@pytest.mark.parametrize(
    ("bend", "curve"),
    [
        (lambda odds: odds, None),
        (lambda odds: 3 * odds + 1, "sigmoid"),
        (lambda odds: np.where(odds > -1, 2.5 * odds + 3.5, 0.2 * odds + 1.2), "isotonic"),
    ],
)
def test_calibration_finds_the_truth(bend, curve):
    examples, scores, truth = scored(bend)
    folds = group_folds(examples, folds=5, seed=1)
    chosen = calibrate(scores, examples.labels, examples.weights, folds)
    best = log_loss(examples.labels, truth)
    assert log_loss(examples.labels, chosen.curve(scores)) < best + 0.006
    assert curve in (None, chosen.curve.name)
    order = np.argsort(scores)
    assert (np.diff(chosen.curve(scores)[order]) >= 0).all()


def test_an_isotonic_curve_ties_no_rows():
    examples, scores, _ = scored(lambda odds: odds)
    curve = fit_isotonic(scores, examples.labels, examples.weights)
    assert (np.diff(curve.values) > 0).all()
    assert (np.diff(curve.knots) > 0).all()
    assert (curve.knots[0], curve.knots[-1]) == (-LIMIT, LIMIT)


def test_scores_that_fall_with_the_outcome_are_not_turned_round():
    examples, scores, _ = scored(lambda odds: -odds)
    assert isinstance(fit_sigmoid(scores, examples.labels, examples.weights), Untouched)


def test_with_true_probabilities_the_threshold_is_cost_by_benefit():
    examples, _, truth = scored(lambda odds: odds)
    folds = group_folds(examples, folds=5, seed=1)
    chosen = choose_threshold(examples, truth, worth=Worth(1_000, 300), folds=folds)
    assert chosen.used == chosen.theory == 0.3
    assert chosen.found == pytest.approx(0.3, abs=0.1)


def test_with_false_probabilities_a_threshold_that_brings_clearly_more_is_used():
    examples, scores, _ = scored(lambda odds: odds - 2)
    folds = group_folds(examples, folds=5, seed=1)
    chosen = choose_threshold(examples, scores, worth=Worth(1_000, 300), folds=folds)
    assert chosen.used == chosen.found == pytest.approx(expit(np.log(3 / 7) - 2), abs=0.05)
    assert "found" in chosen.why
    assert chosen.gain_minor > 2 * chosen.error_minor
    acting = (1_000 * examples.labels - 300) * ((scores >= chosen.used) * 1.0 - (scores >= 0.3))
    assert chosen.gain_minor == pytest.approx(acting.sum(), rel=0.25)


def test_scores_apart_in_their_last_digits_stay_so_after_calibration():
    scores = np.repeat([0.3, 0.3 + 1e-9], 50)
    labels = np.repeat([0, 1, 0, 1], [40, 10, 10, 40])
    curve = fit_isotonic(scores, labels, np.ones(100))
    low, high = curve(np.array([0.3, 0.3 + 1e-9]))
    assert 0 <= high - low < 1e-6


def test_a_gain_that_may_be_chance_changes_no_threshold():
    used = []
    for seed in range(20):
        examples, _, truth = scored(lambda odds: odds, rows=300, seed=seed)
        folds = group_folds(examples, folds=3, seed=seed)
        used.append(choose_threshold(examples, truth, worth=Worth(1_000, 300), folds=folds).used)
    assert used.count(0.3) >= 18


def test_tied_rows_are_acted_on_together_or_not_at_all():
    examples, _, _ = scored(lambda odds: odds, rows=8)
    examples = replace(examples, labels=np.array([1, 0, 0, 0, 0, 0, 0, 1]))
    halves = [(np.arange(4), np.arange(4, 8)), (np.arange(4, 8), np.arange(4))]
    chosen = choose_threshold(examples, np.full(8, 0.5), worth=Worth(1_000, 300), folds=halves)
    assert chosen.found == 1.0
