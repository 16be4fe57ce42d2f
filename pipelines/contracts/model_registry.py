"""How models are named and marked in MLflow: what who trains them and who serves them agree on."""

CHAMPION = "champion"
"""Alias of the version that decides."""
CHALLENGER = "challenger"
"""Alias of the best version of the newest contest that was not promoted."""
PREVIOUS = "previous"
"""Alias of the version that decided before the champion."""

MODEL_FILE = "model.onnx"
FEATURES_FILE = "features.json"
"""A version's artefacts: the graph, and a JSON list of the features that it takes, in their order."""

NAME = "contestant"
SHA256 = "sha256"
FEATURES_SHA256 = "features_sha256"
THRESHOLD = "threshold"
PROBLEM_VERSION = "problem_version"
SET_VERSIONS = "set_versions"
AVERAGE_PRECISION = "average_precision"
SOURCE = "source"
RETIRED = "retired"
CONTEST = "contest"
NEWEST_CONTEST = "newest_contest"
"""Tags of a version. Hashes are hex; the threshold a probability; versions of sets and the interval of the
average precision on validation data are JSON; `retired` a UTC time; contests are ids of runs."""

EVENT = "event "
"""Begins the tags of what happened to a version; the UTC time follows, the value is JSON."""

_PREFIX = "clicklake-"


def registered_name(problem: str) -> str:
    """The registered model of a problem."""
    return f"{_PREFIX}{problem}"


def experiment_name(problem: str) -> str:
    """The experiment that holds a problem's contests."""
    return f"clicklake/{problem}"
