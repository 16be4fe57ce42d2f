"""One tree of questions: to be read by people, seldom the best."""

from scipy.stats import loguniform, randint
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeClassifier

from training.estimators.estimator import Estimator, Parameters


def _build(parameters: Parameters, seed: int) -> BaseEstimator:
    return DecisionTreeClassifier(random_state=seed, **{"min_samples_leaf": 20, "max_depth": 8, **parameters})


ESTIMATOR = Estimator(
    name="decision_tree",
    meaning="a single decision tree",
    build=_build,
    space={
        "max_depth": randint(2, 15),
        "min_samples_leaf": loguniform(0.0005, 0.05),
        "criterion": ["gini", "log_loss"],
    },
)
