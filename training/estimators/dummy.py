"""What every model must beat: the same probability for all."""

from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeClassifier

from training.estimators.estimator import Estimator, Parameters


def _build(parameters: Parameters, seed: int) -> BaseEstimator:
    # a tree that finds no split worth it is its root: the share of positives
    return DecisionTreeClassifier(min_impurity_decrease=1.0, random_state=seed, **parameters)


ESTIMATOR = Estimator(
    name="dummy",
    meaning="the share of positives among the rows learnt from, whatever the features say",
    build=_build,
)
