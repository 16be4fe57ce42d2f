"""Features kept by visitor and read by user: events of every linked visitor count as the user's own."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

OWNER = "_owner"
"""Whose features: a user, or a visitor; told apart, so that equal ids do not meet."""


def owned_events(events: DataFrame, links: DataFrame) -> DataFrame:
    """The events as those of their visitor, and once more as those of each user linked with it, by `OWNER`.

    `events`: visitor_id, `visible_at` and whatever else; `links`: visitor_id, user_id, visible_at, each
    pair once. A user's event is visible once the event and the link are: moments are counted in halves, and
    a link counts half a moment late, so that it is seen strictly after its own.
    """
    mine = events.withColumn(OWNER, _visitor()).withColumn("visible_at", F.col("visible_at") * 2)
    known = links.select(
        "visitor_id", _user().alias(OWNER), (F.col("visible_at") * 2 + 1).alias("_linked_at")
    )
    theirs = events.withColumn("visible_at", F.col("visible_at") * 2).join(known, "visitor_id")
    seen = theirs.withColumn("visible_at", F.greatest("visible_at", "_linked_at")).drop("_linked_at")
    return mine.unionByName(seen)


def owned_spine(spine: DataFrame, links: DataFrame) -> DataFrame:
    """The rows with their `OWNER`: their user once a link of theirs is seen, else their visitor.

    `spine`: visitor_id, user_id, seen_at and whatever else. Moments are as in `owned_events`. Null where
    neither is known.
    """
    firsts = links.groupBy("user_id").agg(F.min("visible_at").alias("_linked_at"))
    found = spine.join(firsts, "user_id", "left")
    is_linked = F.coalesce(F.col("_linked_at") < F.col("seen_at"), F.lit(False))
    return found.withColumn(OWNER, F.when(is_linked, _user()).otherwise(_visitor())).drop("_linked_at")


def _visitor() -> Column:
    return F.concat(F.lit("v:"), F.col("visitor_id"))


def _user() -> Column:
    return F.concat(F.lit("u:"), F.col("user_id"))
