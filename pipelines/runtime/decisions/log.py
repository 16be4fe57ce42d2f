"""Reading the view `gold.decisions` without Spark."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.contracts.clock import moment
from pipelines.contracts.decisions import DECISIONS_VIEW
from pipelines.contracts.positions import Vector
from pipelines.contracts.topics.decisions import TOPIC
from pipelines.gold.problems.problem import Problem

_TIMES = {"occurred_at": "epoch_us(occurred_at) as occurred_at"}


class DecisionsLog:
    """One look at the decisions and what became of them; times are UTC microseconds."""

    def __init__(self, names: Names) -> None:
        self._lake = LakeReader(names)

    @property
    def is_there(self) -> bool:
        """Whether there are decisions and outcomes to be read."""
        return DECISIONS_VIEW in self._lake.views

    def times_beyond(self, positions: Vector, *, oldest: datetime) -> list[int]:
        """When the decisions at or beyond the positions were made, of those from `oldest` on."""
        here, parameters = ["occurred_at >= ?"], list[Any]([oldest])
        for (topic, partition), offset in positions.items():
            here.append('not (topic = ? and partition = ? and "offset" < ?)')
            parameters += [topic, partition, offset]
        statement = f"select {_TIMES['occurred_at']} from {TOPIC.table} where {' and '.join(here)}"  # noqa: S608
        found: list[int] = self._table(statement, parameters)["occurred_at"].to_pylist()
        return found

    def between(
        self, columns: Sequence[str], since: int, until: int | None, *, problem: Problem | None = None
    ) -> pa.Table:
        """Decisions from `since` until before `until`, of one problem's version or of all."""
        here, parameters = ["occurred_at >= ?"], list[Any]([moment(since)])
        if until is not None:
            here.append("occurred_at < ?")
            parameters.append(moment(until))
        if problem is not None:
            here.append("problem = ? and problem_version = ?")
            parameters += [problem.name, problem.version]
        return self.where(columns, " and ".join(here), parameters)

    def where(self, columns: Sequence[str], condition: str, parameters: Sequence[Any]) -> pa.Table:
        """The decisions that a condition holds for, and what may follow it in a statement."""
        named = ", ".join(_TIMES.get(name, name) for name in columns)
        return self._table(
            f"select {named} from {DECISIONS_VIEW} where {condition}",  # noqa: S608 - names in the code
            parameters,
        )

    def _table(self, statement: str, parameters: Sequence[Any]) -> pa.Table:
        return self._lake.query(statement, parameters).to_arrow_table()
