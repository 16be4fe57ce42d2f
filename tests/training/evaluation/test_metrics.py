import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from pipelines.errors import ModelError
from training.evaluation.metrics import METRICS

ROWS = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 0.7, 0.9, 1.0]), st.integers(1, 4)
    ),
    min_size=2,
    max_size=40,
)
LABELS = np.array([1, 0, 1, 0])
CHANCES = np.array([0.8, 0.6, 0.4, 0.2])


def columns(rows):
    labels, chances, weights = zip(*rows, strict=True)
    assume(0 < sum(labels) < len(labels))
    return np.array(labels), np.array(chances), np.array(weights, float)


SCIKIT = {
    "average_precision": lambda y, p, w: theirs.average_precision_score(y, p, sample_weight=w),
    "roc_auc": lambda y, p, w: theirs.roc_auc_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: theirs.log_loss(y, p, sample_weight=w, labels=[0, 1]),
    "brier": lambda y, p, w: theirs.brier_score_loss(y, p, sample_weight=w, labels=[0, 1]),
    "balanced_accuracy": lambda y, p, w: theirs.balanced_accuracy_score(y, p >= 0.25, sample_weight=w),
    "matthews": lambda y, p, w: theirs.matthews_corrcoef(y, p >= 0.25, sample_weight=w),
    "f1": lambda y, p, w: theirs.f1_score(y, p >= 0.25, sample_weight=w, zero_division=0),
}


@pytest.mark.parametrize("name", SCIKIT)
@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_equal_to_scikit_learn_with_weights_and_ties(name, rows):
    labels, chances, weights = columns(rows)
    found = METRICS[name].of(labels, chances, weights, 0.25)
    assert found == pytest.approx(SCIKIT[name](labels, chances, weights), abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_a_weight_is_a_row_that_is_there_as_often(name, rows):
    labels, chances, weights = columns(rows)
    times = weights.astype(int)
    repeated = METRICS[name].of(
        np.repeat(labels, times), np.repeat(chances, times), np.ones(times.sum()), 0.25
    )
    assert METRICS[name].of(labels, chances, weights, 0.25) == pytest.approx(repeated, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_average_precision_by_its_definition(rows):
    labels, chances, weights = columns(rows)
    positive = weights * labels
    expected = 0.0
    for label, chance, weight in zip(labels, chances, weights, strict=True):
        above = chances >= chance
        expected += label * weight * positive[above].sum() / weights[above].sum()
    found = METRICS["average_precision"].of(labels, chances, weights, 0.5)
    assert found == pytest.approx(expected / positive.sum())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("average_precision", (1 / 1 + 2 / 3) / 2),
        ("roc_auc", 3 / 4),
        ("log_loss", -(np.log(0.8) + np.log(0.4) + np.log(0.4) + np.log(0.8)) / 4),
        ("brier", (0.04 + 0.36 + 0.36 + 0.04) / 4),
        ("calibration_error", (0.2 + 0.6 + 0.6 + 0.2) / 4),
        ("balanced_accuracy", 1 / 2),
        ("matthews", 0.0),
        ("f1", 1 / 2),
        ("lift", 2.0),
    ],
)
def test_values_by_hand(name, value):
    assert METRICS[name].of(LABELS, CHANCES, np.ones(4), 0.5) == pytest.approx(value)


def test_calibration_error_is_taken_in_bins_of_equal_weight():
    chances = np.repeat([0.1, 0.3], [50, 50]) + np.tile(np.linspace(0, 0.01, 50), 2)
    labels = np.concatenate((np.arange(50) % 10 == 0, np.arange(50) % 2 == 0)).astype(int)
    found = METRICS["calibration_error"].of(labels, chances, np.ones(100), 0.5)
    assert found == pytest.approx((0.005 + 0.195) / 2, abs=1e-12)


def test_lift_expects_what_a_random_order_of_equal_probabilities_brings():
    chances = np.array([0.9] + [0.5] * 9 + [0.1] * 10)
    labels = np.array([1] + [1, 1, 1] + [0] * 16)
    expected = (1 + 3 / 9) / (0.1 * 4)
    assert METRICS["lift"].of(labels, chances, np.ones(20), 0.5) == pytest.approx(expected)
    assert METRICS["lift"].of(labels[::-1], chances[::-1], np.ones(20), 0.5) == pytest.approx(expected)


def test_one_outcome_leaves_what_needs_both_undefined():
    labels, chances = np.zeros(4, int), CHANCES
    undefined = {name for name, one in METRICS.items() if np.isnan(one.of(labels, chances, np.ones(4), 0.5))}
    assert undefined == {"average_precision", "roc_auc", "balanced_accuracy", "matthews", "f1", "lift"}


@pytest.mark.parametrize("chances", [[0.5], [0.5, np.nan, 0.5, 0.5], [0.5, 1.1, 0, 0], [-0.1, 0, 0, 0]])
def test_what_is_no_probability_for_each_row_is_refused(chances):
    with pytest.raises(ModelError, match="probabilities"):
        METRICS["brier"].of(LABELS, np.array(chances), np.ones(4), 0.5)


def test_ten_different_probabilities_of_one_weight_are_ten_bins():
    chances, labels = np.linspace(0.05, 0.95, 10), np.arange(10) % 2
    found = METRICS["calibration_error"].of(labels, chances, np.ones(10), 0.5)
    assert found == pytest.approx(np.abs(chances - labels).mean())


def test_equal_probabilities_are_in_the_bin_of_their_middle():
    chances, labels = np.repeat([0.9, 0.8, 0.1], [1, 6, 13]), np.repeat([0, 1, 0], [1, 6, 13])
    found = METRICS["calibration_error"].of(labels, chances, np.ones(20), 0.5)
    assert found == pytest.approx((0.9 + 6 * 0.2 + 13 * 0.1) / 20)
