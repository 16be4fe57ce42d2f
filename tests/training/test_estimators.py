"""What every estimator must do; a new one's file is tested here without a change."""

import numpy as np
import pytest
from sklearn.model_selection import ParameterSampler

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.errors import FitError
from pipelines.gold.problems import all_problems
from tests.training.made_examples import FEATURES, made
from training.estimators import all_estimators
from training.fitting import fit_challenger
from training.fitting.calibration import Untouched
from training.fitting.export import TOLERANCE, Fitted, export
from training.fitting.search import Learner

ESTIMATORS = all_estimators()
PROBLEM = all_problems()["checkout_purchase"]
LEARNT, UNSEEN = made(400), made(2_000, seed=1)


def unseen():
    """Rows with gaps where no gap was seen, values in the empty and constant columns, and far values."""
    values = UNSEEN.values.copy()
    values[::7, 3] = np.nan
    values[::5, 4] = 3
    values[::11, 1] *= np.float32(1e9)
    return values


@pytest.fixture(params=sorted(ESTIMATORS))
def estimator(request):
    return ESTIMATORS[request.param]


def test_fits_rows_with_gaps_and_gives_probabilities(estimator):
    model, _ = Learner(estimator, {}, 1).fit(LEARNT)
    found = model.predict_proba(unseen())
    assert found.shape == (2_000, 2)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found.sum(axis=1) == pytest.approx(1)


def test_is_named_and_explained(estimator):
    assert estimator.name.isidentifier()
    assert len(estimator.meaning) > 10


def test_same_seed_same_model(estimator):
    once, again = (Learner(estimator, {}, 7).fit(LEARNT)[0].predict_proba(unseen()) for _ in range(2))
    assert (once == again).all()


def test_weights_count_as_rows_do(estimator):
    doubled = LEARNT.take(np.repeat(np.arange(len(LEARNT)), 1 + LEARNT.labels))
    model, _ = Learner(estimator, {}, 1).fit(doubled)
    plain, _ = Learner(estimator, {}, 1).fit(LEARNT)
    assert model.predict_proba(LEARNT.values)[:, 1].mean() > plain.predict_proba(LEARNT.values)[:, 1].mean()


def test_parameters_drawn_from_its_space_build_and_export_the_same(estimator):
    drawn = list(ParameterSampler(dict(estimator.space), 3, random_state=5)) if estimator.space else [{}]
    for parameters in drawn:
        model, _ = Learner(estimator, parameters, 1).fit(LEARNT)
        fitted = Fitted(model, 1.0, Untouched())
        file = export(fitted, FEATURES, rows=LEARNT.values)
        assert np.abs(OnnxModel(file).probabilities(unseen()) - fitted.probabilities(unseen())).max() <= (
            TOLERANCE
        )


def test_one_row_is_scored_as_among_many(estimator):
    model, _ = Learner(estimator, {}, 1).fit(LEARNT)
    served = OnnxModel(export(Fitted(model, 1.0, Untouched()), FEATURES, rows=LEARNT.values))
    together = served.probabilities(unseen()[:50])
    alone = [served.probabilities(unseen()[row : row + 1])[0] for row in range(50)]
    assert together == pytest.approx(alone, abs=1e-12)


def test_a_block_of_one_class_is_refused(estimator):
    for label in (0, 1):
        with pytest.raises(FitError, match="decisions with and without the outcome"):
            fit_challenger(LEARNT.take(LEARNT.labels == label), estimator, problem=PROBLEM, seed=1)
