"""Each feature a bell curve per class, as if features were independent."""

from scipy.stats import loguniform
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from training.estimators.estimator import Estimator, Parameters
from training.preparation import Preparation


def _build(parameters: Parameters, _seed: int) -> BaseEstimator:
    own = {"var_smoothing": 1e-3, **parameters}
    # without indicators: a gap filled with the mean says nothing, as it should
    preparation = Preparation(skewed=own.pop("skewed", True), indicators=False)
    return Pipeline([("preparation", preparation), ("naive_bayes", GaussianNB(**own))])


ESTIMATOR = Estimator(
    name="naive_bayes",
    meaning="Gaussian naive Bayes on standardised features",
    build=_build,
    space={"var_smoothing": loguniform(1e-6, 10), "skewed": [True, False]},
)
