"""Whole fits: what a challenger says of itself, and what happens when trials fail."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss
from sklearn.tree import DecisionTreeClassifier

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.errors import FitError
from pipelines.gold.problems import all_problems
from tests.training.made_examples import FEATURES, made
from training.estimators import all_estimators
from training.estimators.estimator import Estimator
from training.fitting import fit_challenger
from training.fitting.search import search
from training.splitting import group_folds

PROBLEM = all_problems()["checkout_purchase"]
LOGISTIC = all_estimators()["logistic"]


def build(parameters, seed):
    if parameters["depth"] > 2:
        raise ValueError("too deep for this test")
    return DecisionTreeClassifier(max_depth=parameters["depth"], random_state=seed)


def shaky(*depths):
    return Estimator("shaky", "fails where asked to", build, {"depth": list(depths)})


def test_a_challenger_ranks_rows_it_never_saw_and_is_calibrated():
    told = []
    challenger = fit_challenger(
        made(3_000), LOGISTIC, problem=PROBLEM, budget=9, seed=1, progress=lambda *one: told.append(one)
    )
    unseen = made(3_000, seed=1)
    found = OnnxModel(challenger.file).probabilities(unseen.values)
    assert average_precision_score(unseen.labels, found) > 2 * unseen.labels.mean()
    assert found.mean() == pytest.approx(unseen.labels.mean(), abs=0.02)
    assert challenger.file.features == FEATURES
    assert challenger.onnx_difference < 1e-9
    assert challenger.threshold.theory == pytest.approx(1 / 3)
    assert len(challenger.trials) == 9 + 3 + 1
    assert told[-1][0] == told[-1][1] == 13
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_same_seed_same_file():
    once, again = (fit_challenger(made(600), LOGISTIC, problem=PROBLEM, budget=4, seed=3) for _ in "ab")
    assert once.file.sha256 == again.file.sha256
    assert once.parameters == again.parameters


def test_rare_outcomes_are_sampled_and_probabilities_stay_true():
    examples = made(12_000)
    rare = examples.take((examples.labels == 0) | (np.arange(12_000) % 25 == 0))
    challenger = fit_challenger(rare, LOGISTIC, problem=PROBLEM, budget=3, seed=1)
    found = OnnxModel(challenger.file).probabilities(rare.values)
    assert challenger.negatives_share < 0.5
    assert found.mean() == pytest.approx(rare.labels.mean(), rel=0.25)  # uncorrected: three times as much
    base = np.full(len(rare), rare.labels.mean())
    assert log_loss(rare.labels, found) < log_loss(rare.labels, base)


def test_failing_trials_are_recorded_and_do_not_stop_the_search():
    challenger = fit_challenger(made(600), shaky(1, 2, 3, 4), problem=PROBLEM, budget=50, seed=1)
    assert {one.parameters["depth"] for one in challenger.failures} == {3, 4}
    assert all("too deep for this test" in str(one.failure) for one in challenger.failures)
    assert challenger.parameters["depth"] in (1, 2)


def test_no_trial_that_succeeds_is_an_error_with_the_reason():
    with pytest.raises(FitError, match="shaky: none of 2 trials succeeded: ValueError: too deep"):
        fit_challenger(made(600), shaky(3, 4), problem=PROBLEM, budget=50, seed=1)


def test_infinite_values_are_named():
    examples = made(300)
    values = examples.values.copy()
    values[5, 1] = np.inf
    with pytest.raises(FitError, match="infinite values in price"):
        fit_challenger(replace(examples, values=values), LOGISTIC, problem=PROBLEM, seed=1)


def test_the_search_takes_on_what_ranks_best_on_users_it_did_not_see():
    examples = made(1_500)

    def blind_or_not(parameters, seed):
        return DecisionTreeClassifier(
            max_depth=3, min_impurity_decrease=parameters["blind"], random_state=seed
        )

    trials = search(
        examples,
        Estimator("blind_or_not", "sees or does not", blind_or_not, {"blind": [1.0, 0.5, 0.0, 0.9]}),
        folds=group_folds(examples, folds=3, seed=1),
        budget=50,
        seed=1,
        progress=lambda *_: None,
    )
    assert trials[0].share == 1
    assert trials[0].parameters == {"blind": 0.0}
    assert [one.share for one in trials if one.share == 1] == [1]
