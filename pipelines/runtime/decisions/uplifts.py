"""What actions bring, from the newest final decisions of `gold.decisions`."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.decisions.uplift import Among, Uplift, uplift
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.decisions.log import DecisionsLog

_MOST = 200_000
"""Decisions looked at: more tell hardly more, and take minutes to resample."""
_ROUNDS = 300
_DRAWN = ("visitor_id", "action", "wanted_action", "is_holdout", "propensity")


def told_uplifts(log: DecisionsLog, problem: Problem, *, since: datetime) -> list[Uplift]:
    """The uplift of each action taken since then, among all decisions and where it was wanted."""
    newest = log.where(
        [*_DRAWN, "user_id", "label"],
        "problem = ? and problem_version = ? and occurred_at >= ? and label is not null"
        " and reason <> 'default' and propensity > 0 order by gold.decisions.occurred_at desc limit ?",
        [problem.name, problem.version, since, _MOST],
    )
    if not newest.num_rows:
        return []
    told = (
        newest.set_column(3, "is_holdout", pc.fill_null(newest["is_holdout"], False))
        .append_column("outcome", newest["label"])
        .append_column("benefit_minor", pa.array(_benefits(newest, problem)))
        .append_column("has_account", pc.is_valid(newest["user_id"]))
    )
    every = told.select([*_DRAWN, "outcome", "benefit_minor", "has_account"])
    needs = [one.name for one in problem.actions if one.needs_account]
    among: tuple[Among, ...] = ("all", "wanted")
    return [
        told_of for one in among for told_of in uplift(every, among=one, needs_account=needs, rounds=_ROUNDS)
    ]


def _benefits(rows: pa.Table, problem: Problem) -> list[float]:
    """What each decision brought in minor units: the outcome's benefit less what its action cost."""
    found = []
    for name, label in zip(rows["action"].to_pylist(), rows["label"].to_pylist(), strict=True):
        action = problem.action(name)
        cost = 0 if action is None else action.cost_minor + action.cost_if_bought_minor * label
        found.append(float(problem.worth.benefit_minor * label - cost))
    return found
