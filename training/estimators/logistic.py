"""Log-odds as a weighted sum of the features."""

from scipy.stats import loguniform
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from training.estimators.estimator import Estimator, Parameters
from training.preparation import Preparation


def _build(parameters: Parameters, seed: int) -> BaseEstimator:
    own = dict(parameters)
    preparation = Preparation(skewed=own.pop("skewed", True), indicators=True)
    return Pipeline(
        [
            ("preparation", preparation),
            ("logistic", LogisticRegression(max_iter=1_000, random_state=seed, **own)),
        ]
    )


ESTIMATOR = Estimator(
    name="logistic",
    meaning="logistic regression with a quadratic penalty on standardised features",
    build=_build,
    space={"C": loguniform(1e-4, 1e2), "skewed": [True, False]},
)
