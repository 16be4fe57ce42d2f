"""From a registered version to one that scores: checked first, run a few times before anyone asks it."""

import numpy as np

from pipelines.connectors.onnx_model import OnnxModel, registered_file
from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import ModelError
from pipelines.gold.problem_features import feature_names, require_present_versions
from pipelines.gold.problems.problem import Problem

_ROUNDS = 3


def require_servable(problem: Problem, model: RegisteredModel) -> None:
    """It may score at all. Raises `ModelError`, one sentence; its file need not be read for that."""
    if model.retired is not None:
        raise ModelError(f"{problem.name} v{model.version} is retired: its file is deleted.")
    require_present_versions(problem, model)


def load(problem: Problem, model: RegisteredModel, *, graph: bytes, features: bytes) -> OnnxModel:
    """Its graph, loaded and warm. Raises `ModelError` for what is changed, or gives no probabilities.

    Nothing is parsed before its hash is the registered one.
    """
    file = registered_file(model, graph=graph, features=features)
    strange = [one for one in file.features if one not in feature_names(problem)]
    if strange:
        raise ModelError(
            f"{problem.name} v{model.version} looks at {', '.join(strange[:3])}, which {problem.name} has "
            "not: it cannot decide any more."
        )
    loaded = OnnxModel(file)
    _warm_up(problem, model, loaded)
    return loaded


def _warm_up(problem: Problem, model: RegisteredModel, loaded: OnnxModel) -> None:
    """Rows of zeros, of ones and without values, one by one as decisions come; the first runs are slow."""
    width = len(loaded.features)
    rows = [np.full((1, width), value, np.float32) for value in (0.0, 1.0, np.nan)]
    try:
        told = np.concatenate([loaded.probabilities(row) for row in rows * _ROUNDS])
    except Exception as error:  # ONNX Runtime raises errors of many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"{problem.name} v{model.version} fails on rows of its {width} features ({reason})."
        ) from error
    if told.shape != (len(rows) * _ROUNDS,) or not np.all((told >= 0) & (told <= 1)):
        raise ModelError(f"{problem.name} v{model.version} gives no probabilities for rows of its features.")
