"""The gold tables of the lake: made from silver alone, so that they can be made again at any time."""

from functools import cache

from pipelines.contracts.attribution import CHECKOUTS, TOUCHPOINTS
from pipelines.contracts.contests import CONTESTS
from pipelines.contracts.decisions import DECISION_OUTCOMES
from pipelines.contracts.feature_reads import FEATURE_READS
from pipelines.contracts.labels import LABELLED_EXAMPLES, LABELS
from pipelines.contracts.related import RELATED_PRODUCTS
from pipelines.contracts.tables import BOOLEAN, DATE, INTEGER, LONG, STRING, TIMESTAMP, Column, TableSpec

UNKNOWN_DEVICE = "unknown"
"""The device class of sessions of which none is known, where they are counted."""

DAY = "session_date"
"""The column by which marts are kept, and replaced, day by day."""

_DAY = Column(DAY, DATE, "day on which the session began, UTC", nullable=False)
_SOURCE = Column(
    "source", STRING, "where the session came from; `direct` when nothing said so", nullable=False
)
_DEVICE = Column("device_class", STRING, "desktop, mobile, tablet, tv, other; `unknown`", nullable=False)


def _count(name: str, comment: str) -> Column:
    return Column(name, LONG, comment, nullable=False)


SESSIONS = TableSpec(
    name="gold.sessions",
    grain="One row per session of a visitor, those of robots too.",
    keys=("visitor_id", "session_id", "is_by_gap"),
    columns=(
        _DAY,
        Column("visitor_id", STRING, "the browser", nullable=False),
        Column("session_id", STRING, "as the producer sent it, else `gap:` and its start", nullable=False),
        Column("is_by_gap", BOOLEAN, "cut where nothing happened for gap_seconds", nullable=False),
        Column("gap_seconds", INTEGER, "the longest pause within a session without an id", nullable=False),
        Column("user_id", STRING, "the last account that was named in it"),
        Column("started_at", TIMESTAMP, "time of its first event or order", nullable=False),
        Column("ended_at", TIMESTAMP, "time of its last event or order", nullable=False),
        _count("duration_seconds", "whole seconds between the two"),
        _count("events", "events in it, advertisements shown elsewhere left out"),
        _count("page_views", "pages opened: page_view, product_view, product_list_view, search, ..."),
        _count("product_views", "product_view events"),
        _count("carts", "add_to_cart events"),
        _count("checkouts", "checkout_start events"),
        _count("orders", "orders made in it, paid or not"),
        _count("paid_orders", "of these, how many have been paid"),
        Column("currency", STRING, "of its first paid order"),
        Column("revenue_minor", LONG, "net of its paid orders in that currency, minor units; null: unknown"),
        _count("foreign_orders", "paid orders in another currency, not in revenue_minor"),
        Column("landing_page", STRING, "page_path of the first event that has one"),
        Column("exit_page", STRING, "page_path of the last event that has one"),
        _SOURCE,
        Column("medium", STRING, "kind of the source, from the same event"),
        Column("campaign", STRING, "campaign, from the same event"),
        Column("device_class", STRING, "the first that is known"),
        Column("country", STRING, "the first that is known"),
        Column("is_bot", BOOLEAN, "whether an event in it is a known robot's", nullable=False),
        Column("is_bounce", BOOLEAN, "one page or none, and no cart, checkout or order", nullable=False),
        Column(
            "funnel_step",
            INTEGER,
            "how far in order of time: 1 view, 2 cart, 3 checkout, 4 order, 0 none",
            nullable=False,
        ),
        Column("path_steps", INTEGER, "the most page types that path names", nullable=False),
        Column("path", STRING, "its first page types, repeats left out, joined by ` > `; null: no page"),
    ),
    partitions=(DAY,),
    skipping=("started_at", "visitor_id"),
)

DAILY_SESSIONS = TableSpec(
    name="gold.daily_sessions",
    grain="One row per day, source, device class, robots or not, and currency.",
    keys=(DAY, "source", "device_class", "is_bot", "currency"),
    columns=(
        _DAY,
        _SOURCE,
        _DEVICE,
        Column("is_bot", BOOLEAN, "the sessions of known robots", nullable=False),
        Column("currency", STRING, "of revenue_minor; empty: no paid order, or none said", nullable=False),
        _count("sessions", "sessions that began on the day"),
        _count("bounces", "of these, with one page or none and nothing else"),
        _count("events", "events in them"),
        _count("page_views", "pages opened in them"),
        _count("duration_seconds", "sum of their lengths"),
        _count("orders", "orders made in them, paid or not"),
        _count("paid_orders", "of these, how many have been paid"),
        _count(
            "revenue_minor", "net of their paid orders in that currency, minor units; unknown ones left out"
        ),
    ),
    partitions=(DAY,),
)

FUNNELS = TableSpec(
    name="gold.funnels",
    grain="One row per day, source and device class: how far its sessions came.",
    keys=(DAY, "source", "device_class"),
    columns=(
        _DAY,
        _SOURCE,
        _DEVICE,
        _count("sessions", "sessions that began on the day, without robots"),
        _count("viewed", "of these, sessions that viewed a product"),
        _count("carted", "and after that put one into the cart"),
        _count("checked_out", "and after that began the checkout, or ordered"),
        _count("ordered", "and after that ordered"),
        _count("visitors", "visitors of these sessions"),
        _count("viewing_visitors", "visitors with a session in `viewed`"),
        _count("carting_visitors", "visitors with a session in `carted`"),
        _count("checking_out_visitors", "visitors with a session in `checked_out`"),
        _count("ordering_visitors", "visitors with a session in `ordered`"),
        Column("conversion_micros", LONG, "ordered / viewed in millionths, rounded down; null: none viewed"),
    ),
    partitions=(DAY,),
)

PATHS = TableSpec(
    name="gold.paths",
    grain="One row per day and sequence of first page types.",
    keys=(DAY, "path"),
    columns=(
        _DAY,
        Column("path", STRING, "page types joined by ` > `, as in gold.sessions", nullable=False),
        Column("place", INTEGER, "1 is the day's most frequent; ties by path", nullable=False),
        _count("sessions", "sessions that began so, without robots"),
        _count("ordering_sessions", "of these, with an order"),
        _count("orders", "orders in them"),
    ),
    partitions=(DAY,),
)

COHORTS = TableSpec(
    name="gold.cohorts",
    grain="One row per period of first activity and period since.",
    keys=("period_days", "cohort_date", "periods_since"),
    columns=(
        Column("period_days", INTEGER, "length of a period: 7 (weeks begin on Monday) or 1", nullable=False),
        Column("cohort_date", DATE, "first day of the period of a person's first session", nullable=False),
        Column("periods_since", INTEGER, "0 is that period itself", nullable=False),
        _count("people", "persons of the cohort: users where linked, else visitors; without robots"),
        _count("active", "of these, with a session in the period"),
        _count("buyers", "of these, with a paid order in it"),
    ),
)


@cache
def gold_tables() -> dict[str, TableSpec]:
    """The gold tables by name."""
    marts = (SESSIONS, DAILY_SESSIONS, FUNNELS, PATHS, COHORTS)
    return {
        spec.name: spec
        for spec in (
            *marts,
            CHECKOUTS,
            TOUCHPOINTS,
            FEATURE_READS,
            LABELS,
            LABELLED_EXAMPLES,
            CONTESTS,
            DECISION_OUTCOMES,
            RELATED_PRODUCTS,
        )
    }
