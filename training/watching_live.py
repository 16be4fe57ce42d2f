"""Whether a champion ranks live decisions as it ranked those that it was judged on."""

import numpy as np

from pipelines.connectors.names import Names
from pipelines.contracts.registered_model import RegisteredModel
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.decisions.log import DecisionsLog
from pipelines.runtime.model_alerts import ModelAlert
from training.evaluation.drift import alerts
from training.evaluation.intervals import Interval, intervals
from training.evaluation.metrics import METRICS
from training.evaluation.scored import Scored

LOOKED_AT = 5_000
"""The newest judged decisions by which the live score is told."""
_ROUNDS = 500
_SCORE = "average_precision"
_COLUMNS = ("visitor_id", "probability", "label", "weight")
_JUDGED = """
problem = ? and problem_version = ? and model_version = ? and probability is not null and label is not null
and weight > 0 order by gold.decisions.occurred_at desc limit ?
"""


def live_alerts(problem: Problem, names: Names, champion: RegisteredModel, *, seed: int) -> list[ModelAlert]:
    """An alert where the average precision of what it said live lies off the interval of its validation.

    It is told by the newest decisions whose outcome no action has moved, with an interval over visitors. Of
    fewer than a contest needs nothing is said.
    """
    then, log = champion.average_precision, DecisionsLog(names)
    if then is None or None in then.values() or not log.is_there:
        return []
    asked = [problem.name, problem.version, champion.version, LOOKED_AT]
    rows = log.where(_COLUMNS, _JUDGED, asked)
    labels = rows["label"].to_numpy().astype(np.int64)
    if len(labels) < problem.gates.least_rows or labels.sum() < problem.gates.least_positives:
        return []
    groups = np.unique(np.array(rows["visitor_id"].to_pylist(), str), return_inverse=True)[1]
    chances, weights = (rows[name].to_numpy() for name in ("probability", "weight"))
    scored = Scored(labels, chances, weights, problem.worth.threshold, groups=groups)
    now = intervals(scored, rounds=_ROUNDS, seed=seed, metrics=[METRICS[_SCORE]])[_SCORE]
    judged = Interval(**then)  # type: ignore[arg-type]
    found = alerts(features={}, scores={_SCORE: (judged, now)}, age_seconds=0)
    return [ModelAlert(one.kind, f"live_{one.subject}", one.value, one.limit, one.message) for one in found]
