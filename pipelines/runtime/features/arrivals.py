"""Whether the lake knows when events arrived: history that was loaded later does not say so by itself."""

from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.errors import LakeError

LATE_SECONDS = 86_400
"""An event that the broker took later than this after it occurred was not live."""
_MICROS = 1_000_000
_DAY = 86_400 * _MICROS
DAY = "day"


def check_arrivals(events: DataFrame, rows: DataFrame) -> None:
    """Raise `LakeError` when the rows look at days whose arrivals were not recorded.

    Nothing says of a record that its arrival is lost: without an original arrival, `known_at` is when the
    broker took it, of a record of 2019 too. But live events are late one by one, loaded ones all together.
    So these are the days, by `occurred_at`, of whose events more than half are known more than a day later.
    `events`: occurred_at, known_at; `rows`: seen_at; UTC microseconds.
    """
    asked = rows.select(day_of("seen_at").alias(DAY)).distinct()
    found = unrecorded_days(events, asked).agg(F.min(DAY), F.max(DAY), F.count("*")).collect()
    first, last, count = found[0]
    if count:
        raise LakeError(
            f"training frame: on {count} days from {_text(first)} to {_text(last)} most events reached the "
            "lake more than a day after they occurred: they were loaded as history, and when they could "
            "have been known was not recorded. Use the clock `occurred`, or map `known_at` and load them "
            "into a lake of their own."
        )


def unrecorded_days(events: DataFrame, asked: DataFrame) -> DataFrame:
    """Those of the days asked about whose arrivals were not recorded. Both: column `day`, as of `day_of`."""
    is_late = F.col("known_at") - F.col("occurred_at") > LATE_SECONDS * _MICROS
    days = events.select(day_of("occurred_at").alias(DAY), is_late.alias("is_late"))
    shares = (
        days.join(asked, DAY, "left_semi").groupBy(DAY).agg(F.avg(F.col("is_late").cast("int")).alias("late"))
    )
    return shares.where("late > 0.5").select(DAY)


def day_of(micros: str) -> Column:
    """The number of the day, from 1970 on, of a column of UTC microseconds."""
    return F.floor(F.col(micros) / F.lit(_DAY))


def _text(day: int) -> str:
    return datetime.fromtimestamp(day * LATE_SECONDS, UTC).date().isoformat()
