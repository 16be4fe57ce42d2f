"""Many small trees, each mending what the ones before got wrong, on binned features."""

from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from training.estimators.estimator import Estimator, Parameters
from training.preparation import EmptyFilled


def _build(parameters: Parameters, seed: int) -> BaseEstimator:
    own = {"learning_rate": 0.05, "max_iter": 150, "max_leaf_nodes": 15, **parameters}
    # early stopping would set rows apart at random, of users that are learnt from
    boosting = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **own)
    return Pipeline([("filled", EmptyFilled()), ("boosting", boosting)])


ESTIMATOR = Estimator(
    name="histogram_boosting",
    meaning="gradient boosting of trees on binned features",
    build=_build,
    space={
        "learning_rate": loguniform(0.03, 0.2),
        "max_iter": randint(40, 200),
        "max_leaf_nodes": randint(3, 24),
        "min_samples_leaf": randint(10, 80),
        "l2_regularization": loguniform(1e-2, 1e2),
        "max_features": uniform(0.2, 0.8),
    },
)
