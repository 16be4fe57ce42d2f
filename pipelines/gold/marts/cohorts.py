"""Cohorts: of the people who first came in a period, who came again and who bought, period by period.

A person is the user that a visitor belongs to by silver.visitor_user, else the visitor: someone with a
telephone and a computer would else be two newcomers of whom neither returns. So signing in changes the
past, and the table is made anew as a whole, from a few narrow columns of the sessions.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.gold import COHORTS, SESSIONS
from pipelines.gold.marts import Frames, Mart, MartRules

_LINKS = "silver.visitor_user"
_MONDAY = "1970-01-05"
_OF_COHORT = ("period_days", "cohort_date")


def build(frames: Frames, rules: MartRules) -> DataFrame:
    """The retention of all cohorts, from all sessions there are."""
    active = _active(frames, rules.period_days)
    first = active.groupBy("person").agg(F.min("period").alias("cohort"))
    since = ((F.col("period") - F.col("cohort")) / rules.period_days).cast("int")
    rows = active.join(first, "person").select(
        F.lit(rules.period_days).alias("period_days"),
        F.date_add(F.lit(_MONDAY).cast("date"), F.col("cohort")).alias("cohort_date"),
        since.alias("periods_since"),
        "buys",
    )
    counted = rows.groupBy(*COHORTS.keys).agg(
        F.count("*").alias("active"), F.count_if("buys").alias("buyers")
    )
    # Everyone is active in their first period, so its count is the size of the cohort.
    sizes = counted.where("periods_since = 0").select(*_OF_COHORT, F.col("active").alias("people"))
    return counted.join(sizes, list(_OF_COHORT)).select(*COHORTS.column_names)


def _active(frames: Frames, period_days: int) -> DataFrame:
    """One row per person and period with a session: the period's first day, counted from a Monday."""
    people = frames[SESSIONS.name].where(~F.col("is_bot"))
    visits = people.select("visitor_id", "session_date", (F.col("paid_orders") > 0).alias("buys"))
    links = frames[_LINKS].select("visitor_id", F.col("user_id").alias("linked_user"))
    named = visits.join(links, "visitor_id", "left").withColumn("person", _person())
    day = F.datediff("session_date", F.lit(_MONDAY))
    period = named.withColumn("period", day - F.pmod(day, F.lit(period_days)))
    return period.groupBy("person", "period").agg(F.bool_or("buys").alias("buys"))


def _person() -> Column:
    """The user where there is one, else the visitor; an id of the one never equals one of the other."""
    is_user = F.col("linked_user").isNotNull()
    return F.struct(is_user.alias("is_user"), F.coalesce("linked_user", "visitor_id").alias("id"))


MART = Mart(table=COHORTS, reads=(SESSIONS.name, _LINKS), is_by_day=False, build=build)
