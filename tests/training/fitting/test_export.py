"""A model's graph gives what the model gives: on ties, at thresholds, with gaps, whatever follows it."""

from itertools import product

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.errors import ModelError
from training.fitting import graph
from training.fitting.calibration import Isotonic, Sigmoid, Untouched, fit_isotonic
from training.fitting.export import Fitted, export

FEATURES = ("money", "tie", "gap", "large")
CURVES = (
    Untouched(),
    Sigmoid(1.7, -0.3),
    Isotonic(np.array([-13.9, -2.0, -1.99, 0.5, 13.9]), np.array([0.0, 0.1, 0.6, 0.61, 1.0])),
)


def tie_heavy(rows: int, seed: int):
    """Thresholds fall between neighbours in single precision; rows lie on either side of them."""
    random = np.random.default_rng(seed)
    money = np.float32(0.1) * random.integers(0, 12, rows).astype(np.float32)
    near = np.float32(16_777_216) + 2 * random.integers(0, 4, rows).astype(np.float32)
    tie = np.nextafter(np.float32(1), np.float32(2) * random.integers(0, 2, rows).astype(np.float32))
    gap = np.where(random.random(rows) < 0.3, np.nan, random.integers(0, 3, rows)).astype(np.float32)
    values = np.column_stack([money, tie, gap, near]).astype(np.float32)
    odds = 3 * (tie > 1) + (near > 16_777_218) - 2 * np.isnan(gap) + 2 * money - 2
    return values, (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)


MODELS = {
    "tree": DecisionTreeClassifier(max_depth=6, random_state=0),
    "leaf": DecisionTreeClassifier(min_impurity_decrease=1.0),
    "boosting": HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=5, random_state=0),
    "forest": RandomForestClassifier(10, random_state=0),
    "extra": ExtraTreesClassifier(10, random_state=0),
    "votes": VotingClassifier(
        [
            ("boosting", HistGradientBoostingClassifier(max_iter=10, random_state=0)),
            ("tree", DecisionTreeClassifier(max_depth=4, random_state=0)),
        ],
        voting="soft",
        weights=[2, 1],
    ),
}


@pytest.mark.parametrize(("name", "share", "curve"), product(MODELS, (1.0, 0.1), CURVES))
def test_the_graph_gives_what_the_model_gives(name, share, curve):
    values, labels = tie_heavy(600, 0)
    unseen, _ = tie_heavy(2_000, 1)
    fitted = Fitted(MODELS[name].fit(values, labels), share, curve)
    served = OnnxModel(export(fitted, FEATURES, rows=values)).probabilities(unseen)
    assert np.abs(served - fitted.probabilities(unseen)).max() < 1e-9
    assert served.shape == (2_000,)


def test_rows_between_a_threshold_and_its_rounding_take_the_same_branch():
    low = np.float32(1)
    high = np.nextafter(low, np.float32(2))
    values = np.array([[low], [high]] * 50, np.float32)
    model = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=1).fit(values, [0, 1] * 50)
    fitted = Fitted(model, 1.0, Untouched())
    served = OnnxModel(export(fitted, ("only",), rows=values)).probabilities(values)
    assert served[0] < 0.5 < served[1]
    assert np.float32(model._predictors[0][0].nodes["num_threshold"][0]) in (low, high)


def test_other_scikit_learn_models_are_converted_in_double_precision():
    values, labels = tie_heavy(600, 0)
    values = np.nan_to_num(values)
    model = Pipeline([("scaled", StandardScaler()), ("line", LogisticRegression())]).fit(
        values.astype(np.float64), labels
    )
    fitted = Fitted(model, 1.0, Untouched())
    file = export(fitted, FEATURES, rows=values)
    assert OnnxModel(file).probabilities(values) == pytest.approx(fitted.probabilities(values), abs=1e-9)


def test_isotonic_curves_fitted_on_scores_are_exact():
    random = np.random.default_rng(2)
    values, labels = tie_heavy(600, 0)
    model = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(values, labels)
    curve = fit_isotonic(model.predict_proba(values)[:, 1], labels, random.random(600))
    assert isinstance(curve, Isotonic)
    assert np.diff(curve.knots).min() > 0.009
    export(Fitted(model, 0.2, curve), FEATURES, rows=tie_heavy(3_000, 3)[0])


def test_a_graph_that_differs_is_not_kept():
    values, labels = tie_heavy(300, 0)

    class Moved(DecisionTreeClassifier):
        def predict_proba(self, rows, check_input=True):
            return super().predict_proba(rows, check_input) * 0.99

    graph._CLASSIFIERS[Moved] = graph._CLASSIFIERS[DecisionTreeClassifier]
    try:
        with pytest.raises(ModelError, match="differs from it by"):
            export(Fitted(Moved().fit(values, labels), 1.0, Untouched()), FEATURES, rows=values)
    finally:
        del graph._CLASSIFIERS[Moved]


def test_what_has_no_conversion_is_said():
    values, labels = tie_heavy(100, 0)
    with pytest.raises(ModelError, match="DummyClassifier cannot be written as an ONNX graph"):
        export(Fitted(DummyClassifier().fit(values, labels), 1.0, Untouched()), FEATURES, rows=values)
