"""Boosted trees and a random forest, averaged: they err differently, so together they rank better."""

from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.pipeline import Pipeline

from training.estimators.estimator import Estimator, Parameters
from training.preparation import EmptyFilled

_TREES = 100


def _build(parameters: Parameters, seed: int) -> BaseEstimator:
    own = {"learning_rate": 0.06, "max_iter": 80, "max_leaf_nodes": 15, "max_features": 0.4, **parameters}
    least = own.pop("forest_leaf", 3)
    boosting = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **own)
    forest = RandomForestClassifier(_TREES, min_samples_leaf=least, max_features=0.3, random_state=seed)
    # the forest's part is the smaller one: alone it ranks worse
    both = VotingClassifier([("boosting", boosting), ("forest", forest)], voting="soft", weights=[2, 1])
    return Pipeline([("filled", EmptyFilled()), ("votes", both)])


ESTIMATOR = Estimator(
    name="boosting_and_forest",
    meaning="two parts histogram boosting and one part random forest, their probabilities averaged",
    build=_build,
    space={
        "learning_rate": loguniform(0.04, 0.12),
        "max_iter": randint(50, 120),
        "max_leaf_nodes": randint(8, 32),
        "l2_regularization": loguniform(0.1, 30),
        "max_features": uniform(0.2, 0.5),
        "forest_leaf": randint(3, 8),
    },
)
