"""Decisions and what became of them, joined as they come. DataFrame in, DataFrame out."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.contracts.labels import LABEL_KEY, LABELS
from pipelines.gold.labels.moments import DECISION, MOMENT, OUTCOME, Moments
from pipelines.gold.problems.problem import Problem

_SAME = (
    *("known_at", "horizon_seconds", "visitor_id", "user_id", "session_id", "product_id"),
    "slices",
)
_MICROS = 1_000_000


def labels(events: DataFrame, problems: Sequence[Problem], *, late_seconds: int) -> DataFrame:
    """Rows of `gold.labels`: one per decision of each problem among feature events.

    A decision's outcome is an event with the problem's keys, strictly after it by (occurred_at, event_id),
    and at most the problem's horizon later; the first counts. As a stream, in append mode: a row comes once
    the watermark, `late_seconds` behind the newest click, has passed the longest horizon of all problems.
    State can be let go by one bound only, so labels of shorter horizons are as late as the longest.
    What comes later than the watermark is left out.
    """
    work = Moments(problems)
    moments = events.select(*work.reads).mapInArrow(work, from_arrow_schema(MOMENT))
    longest = max(one.horizon_seconds for one in problems)
    # Both sides tell the time of all clicks, in rows that reach the watermark: were they left out before
    # it, a side without rows would hold up the join. So they are left out at the very end.
    decisions = (
        moments.where(F.col("side") == DECISION)
        .withColumnsRenamed({"happened_at": "decided_at", "event_id": "row_id"})
        .drop("side")
        .withWatermark("decided_at", f"{late_seconds} seconds")
    )
    outcomes = (
        moments.where(F.col("side") == OUTCOME)
        .select(
            F.col("key").alias("outcome_key"),
            F.col("happened_at").alias("outcome_at"),
            F.col("event_id").alias("outcome_id"),
            F.col("known_at").alias("outcome_known"),
        )
        .withWatermark("outcome_at", f"{late_seconds} seconds")
    )
    return _first_outcomes(decisions.join(outcomes, _fits(longest), "left_outer"))


def _fits(longest_seconds: int) -> Column:
    """Whether a decision has the outcome. Its bounds are what Spark lets go of state by."""
    after = (F.col("outcome_at") > F.col("decided_at")) | (F.col("outcome_id") > F.col("row_id"))
    passed = F.unix_micros("outcome_at") - F.unix_micros("decided_at")
    return (
        (F.col("key") == F.col("outcome_key"))
        & (F.col("outcome_at") >= F.col("decided_at"))
        & (F.col("outcome_at") <= F.col("decided_at") + F.expr(f"interval {longest_seconds} seconds"))
        & after
        & F.coalesce(passed <= F.col("horizon_seconds").cast("long") * _MICROS, F.lit(False))
    )


def _first_outcomes(joined: DataFrame) -> DataFrame:
    """One row a decision of its pairs. Event times that have been joined go on as plain numbers."""
    plain = joined.withColumn("outcome_at", F.unix_micros("outcome_at"))
    grouped = plain.groupBy(*LABEL_KEY, "decided_at").agg(
        F.first(F.struct(*_SAME)).alias("same"),
        F.min("outcome_at").alias("outcome_at"),
        F.min("outcome_known").alias("outcome_known_at"),
    )
    known = grouped.where(F.col("same.horizon_seconds").isNotNull())
    made = {name: F.col(f"same.{name}") for name in _SAME} | {
        "known_at": F.timestamp_micros("same.known_at"),
        "slices": F.from_json("same.slices", "map<string, string>"),
        "label": F.col("outcome_at").isNotNull().cast("int"),
        "outcome_at": F.timestamp_micros("outcome_at"),
        "outcome_known_at": F.timestamp_micros("outcome_known_at"),
    }
    return known.select(*(made.get(name, F.col(name)).alias(name) for name in LABELS.column_names))
