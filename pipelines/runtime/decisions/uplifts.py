"""What actions bring, from the newest final decisions of `gold.decisions`."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.gold.decisions.uplift import Uplift, uplift
from pipelines.gold.problems.problem import Problem

_MOST = 200_000
"""Decisions looked at: more tell hardly more, and take minutes to resample."""
_ROUNDS = 300
_DRAWN = ("visitor_id", "action", "wanted_action", "is_holdout", "propensity")


def told_uplifts(rows: ds.Dataset, problem: Problem, *, since: datetime) -> list[Uplift]:
    """The uplift of each action taken since then, among all decisions and where it was wanted."""
    wanted = (
        (pc.field("problem") == problem.name)
        & (pc.field("problem_version") == problem.version)
        & (pc.field("occurred_at") >= since)
        & pc.field("label").is_valid()
        & (pc.field("reason") != "default")
        & (pc.field("propensity") > 0)
    )
    found = rows.to_table([*_DRAWN, "occurred_at", "label"], filter=wanted)
    newest = found.sort_by([("occurred_at", "descending")]).slice(0, _MOST)
    if not newest.num_rows:
        return []
    told = (
        newest.set_column(3, "is_holdout", pc.fill_null(newest["is_holdout"], False))
        .append_column("outcome", newest["label"])
        .append_column("benefit_minor", pa.array(_benefits(newest, problem)))
    )
    every = told.select([*_DRAWN, "outcome", "benefit_minor"])
    return [*uplift(every, among="all", rounds=_ROUNDS), *uplift(every, among="wanted", rounds=_ROUNDS)]


def _benefits(rows: pa.Table, problem: Problem) -> list[float]:
    """What each decision brought in minor units: the outcome's benefit less what its action cost."""
    found = []
    for name, label in zip(rows["action"].to_pylist(), rows["label"].to_pylist(), strict=True):
        action = problem.action(name)
        cost = 0 if action is None else action.cost_minor + action.cost_if_bought_minor * label
        found.append(float(problem.worth.benefit_minor * label - cost))
    return found
