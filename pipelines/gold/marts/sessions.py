"""Sessions: what a visitor did in one visit, where it came from, and what it earned."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.gold import SESSIONS
from pipelines.gold.activities import IN_TIME, SESSION, activities, in_sessions
from pipelines.gold.marts import Frames, Mart, MartRules

_PAGES = {
    "page_view": None,
    "product_view": "product",
    "product_list_view": "category",
    "search": "search",
    "cart_view": "cart",
    "checkout_start": "checkout",
}
"""Events that open a page, and its type where none was sent."""
_STEPS = {"product_view": 1, "add_to_cart": 2, "checkout_start": 3}
_CHECKOUT, _ORDER = 3, 4
_DIRECT = "direct"


def build(frames: Frames, rules: MartRules) -> DataFrame:
    """All sessions of the visitors whose rows are given: all events and all orders of each."""
    done = activities(*(frames[name] for name in MART.reads))
    rows = in_sessions(done, gap_seconds=rules.gap_seconds).withColumn("at", F.struct(*IN_TIME))
    found = rows.groupBy(*SESSION).agg(*_counts(), *_attributes(), *_sequences())
    earned = F.filter("payments", lambda one: one["currency"].eqNullSafe(F.col("currency")))
    return (
        found.withColumn("currency", F.get("payments", F.lit(0))["currency"])
        .select(
            F.to_date("started_at").alias("session_date"),
            "visitor_id",
            F.coalesce(
                "sent_session_id", F.concat(F.lit("gap:"), F.unix_micros("started_at").cast("string"))
            ).alias("session_id"),
            F.col("sent_session_id").isNull().alias("is_by_gap"),
            F.lit(rules.gap_seconds).alias("gap_seconds"),
            *(name for name in SESSIONS.column_names if name in found.columns and name not in SESSION),
            _whole_seconds().alias("duration_seconds"),
            "currency",
            _sum_of_known(earned).alias("revenue_minor"),
            (F.size("payments") - F.size(earned)).cast("long").alias("foreign_orders"),
            F.coalesce(F.col("origin")["traffic_source"], F.lit(_DIRECT)).alias("source"),
            F.col("origin")["traffic_medium"].alias("medium"),
            F.col("origin")["traffic_campaign"].alias("campaign"),
            _is_bounce().alias("is_bounce"),
            _furthest(F.col("steps")).alias("funnel_step"),
            F.lit(rules.path_steps).alias("path_steps"),
            _path(F.col("pages"), rules.path_steps).alias("path"),
        )
        .select(*SESSIONS.column_names)
    )


def _counts() -> list[Column]:
    return [
        F.min("occurred_at").alias("started_at"),
        F.max("occurred_at").alias("ended_at"),
        F.count_if(~F.col("is_order")).alias("events"),
        F.count_if(F.col("event_type").isin(*_PAGES)).alias("page_views"),
        F.count_if(F.col("event_type") == "product_view").alias("product_views"),
        F.count_if(F.col("event_type") == "add_to_cart").alias("carts"),
        F.count_if(F.col("event_type") == "checkout_start").alias("checkouts"),
        F.count_if("is_order").alias("orders"),
        F.count_if("is_paid").alias("paid_orders"),
    ]


def _attributes() -> list[Column]:
    origin = F.struct("traffic_source", "traffic_medium", "traffic_campaign")
    return [
        F.max_by("user_id", _at_if("user_id")).alias("user_id"),
        F.min_by("page_path", _at_if("page_path")).alias("landing_page"),
        F.max_by("page_path", _at_if("page_path")).alias("exit_page"),
        F.min_by(origin, _at_if("traffic_source")).alias("origin"),
        F.min_by("device_class", _at_if("device_class")).alias("device_class"),
        F.min_by("country", _at_if("country")).alias("country"),
        F.coalesce(F.bool_or("is_bot"), F.lit(False)).alias("is_bot"),
    ]


def _at_if(column: str) -> Column:
    """When the activity was, if it says anything in this column."""
    return F.when(F.col(column).isNotNull(), F.col("at"))


def _sequences() -> list[Column]:
    """Arrays of structs that begin with `at`: funnel steps, page types, and what was paid."""
    page = F.col("page_type")
    for event_type, implied in _PAGES.items():
        page = F.when((F.col("event_type") == event_type) & F.col("page_type").isNull(), implied).otherwise(
            page
        )
    step = F.when(F.col("is_order"), _ORDER)
    for event_type, number in _STEPS.items():
        step = step.when(F.col("event_type") == event_type, number)
    opened = F.col("event_type").isin(*_PAGES) & page.isNotNull()
    paid = F.struct("at", "currency", "net_minor")
    return [
        _collected(F.when(step.isNotNull(), F.struct("at", step.alias("step")))).alias("steps"),
        _collected(F.when(opened, F.struct("at", page.alias("page")))).alias("pages"),
        _collected(F.when(F.col("is_paid"), paid)).alias("payments"),
    ]


def _collected(one: Column) -> Column:
    return F.array_sort(F.collect_list(one))


def _furthest(steps: Column) -> Column:
    """How far the steps came, each after the one before; who orders without a checkout has checked out."""

    def onward(reached: Column, one: Column) -> Column:
        follows = (one["step"] == reached + 1) | ((one["step"] == _ORDER) & (reached == _CHECKOUT - 1))
        return F.when(follows, one["step"]).otherwise(reached)

    return F.aggregate(steps, F.lit(0), onward)


def _path(pages: Column, steps: int) -> Column:
    """The first page types, one that repeats the one before left out."""
    kinds = F.transform(pages, lambda one: one["page"])
    changes = F.filter(kinds, lambda kind, n: (n == 0) | (kind != F.get(kinds, n - 1)))
    joined = F.array_join(F.slice(changes, 1, steps), " > ")
    return F.when(F.size(kinds) > 0, joined)


def _sum_of_known(payments: Column) -> Column:
    """The sum of the amounts that are known; null when there are payments and none is."""
    amounts = F.filter(F.transform(payments, lambda one: one["net_minor"]), lambda one: one.isNotNull())
    unknown = (F.size(payments) > 0) & (F.size(amounts) == 0)
    return F.when(~unknown, F.aggregate(amounts, F.lit(0).cast("long"), lambda total, one: total + one))


def _whole_seconds() -> Column:
    return F.expr("(unix_micros(ended_at) - unix_micros(started_at)) div 1000000")


def _is_bounce() -> Column:
    return (F.col("page_views") <= 1) & (F.col("carts") + F.col("checkouts") + F.col("orders") == 0)


MART = Mart(
    table=SESSIONS,
    reads=("silver.events", "silver.orders_current", "silver.order_versions"),
    is_by_day=True,
    build=build,
)
