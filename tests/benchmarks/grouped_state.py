"""What a user would write first for one feature set: Spark's own state, by group, in Python.

Both keep a visitor's counts and sums (the state of `Visitor`), the same for each event, and write nowhere.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

_OUTPUT = "visitor_id string, events bigint, views bigint, carts bigint, price_sum bigint, last_at bigint"
_STATE = "events bigint, views bigint, carts bigint, price_sum bigint, last_at bigint"
_COLUMNS = ["visitor_id", "events", "views", "carts", "price_sum", "last_at"]
_Totals = tuple[int, int, int, int, int]


def _added(before: _Totals, rows: pd.DataFrame) -> _Totals:
    kinds = rows["kind"]
    return (
        before[0] + len(rows),
        before[1] + int((kinds == "product_view").sum()),
        before[2] + int((kinds == "add_to_cart").sum()),
        before[3] + int(rows["price_minor"].sum()),
        max(before[4], int(rows["occurred_at"].max())),
    )


def by_group_state(events: DataFrame) -> DataFrame:
    """The set by `applyInPandasWithState`."""

    def update(key: Any, parts: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        totals: _Totals = state.get if state.exists else (0, 0, 0, 0, 0)
        for rows in parts:
            totals = _added(totals, rows)
        state.update(totals)
        yield pd.DataFrame([(key[0], *totals)], columns=_COLUMNS)

    grouped = events.groupBy("visitor_id")
    return grouped.applyInPandasWithState(update, _OUTPUT, _STATE, "update", GroupStateTimeout.NoTimeout)


class _Visitor(StatefulProcessor):
    def init(self, handle: StatefulProcessorHandle) -> None:
        self._state = handle.getValueState("totals", _STATE)

    def handleInputRows(
        self, key: Any, rows: Iterator[pd.DataFrame], timerValues: Any
    ) -> Iterator[pd.DataFrame]:
        totals: _Totals = tuple(self._state.get()) if self._state.exists() else (0, 0, 0, 0, 0)
        for one in rows:
            totals = _added(totals, one)
        self._state.update(totals)
        yield pd.DataFrame([(key[0], *totals)], columns=_COLUMNS)

    def close(self) -> None:
        """Nothing is held."""


def by_transform_with_state(events: DataFrame) -> DataFrame:
    """The set by `transformWithStateInPandas`."""
    grouped = events.groupBy("visitor_id")
    return grouped.transformWithStateInPandas(_Visitor(), _OUTPUT, "update", "None")
