"""The per-minute tables: the minutes that a transaction has touched are counted anew, whole.

So a correction (a late click, a refund, a restart) cannot be added twice. Minutes whose rows have been
removed take no correction: it is counted as refused.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from pipelines.gold.attribution.touches import LONGEST_NAME

_MINUTES = "unnest(%(minutes)s::timestamptz[]) as t (minute)"
_BY_ORDER = {
    "source_count": """
        select t.minute, a.look_back_seconds, a.model, a.source, coalesce(a.currency, ''),
            sum(a.share_micros), sum(coalesce(a.revenue_minor, 0)), sum(coalesce(a.profit_minor, 0)),
            coalesce(sum(a.share_micros) filter (where a.is_final), 0)
        from {minutes} join gold.attributed_orders a on a.ordered_minute = t.minute
        group by 1, 2, 3, 4, 5""",
    "category_count": """
        select t.minute, left(coalesce(l.category, 'unknown'), {longest}),
            count(distinct o.order_id), sum(l.quantity)
        from {minutes} join gold.orders o on o.ordered_minute = t.minute and o.is_paid
        cross join lateral jsonb_to_recordset(o.lines) as l (category text, quantity bigint)
        group by 1, 2""",
    "gender_count": """
        select t.minute, coalesce(o.gender, 'unknown'), count(*)
        from {minutes} join gold.orders o on o.ordered_minute = t.minute and o.is_paid
        group by 1, 2""",
    "revenue": """
        select t.minute, coalesce(o.currency, ''), count(*), sum(coalesce(o.net_minor, 0)),
            sum(coalesce(o.profit_minor, 0)), sum(coalesce(o.refunded_minor, 0)),
            count(*) filter (where not o.total_agrees)
        from {minutes} join gold.orders o on o.ordered_minute = t.minute and o.is_paid
        group by 1, 2""",
}
_BY_FAILURE = {
    "fail_count": """
        select t.minute, left(coalesce(c.failure_reason, 'unknown'), {longest}), count(*)
        from {minutes} join gold.checkouts c
            on c.status = 'payment_failed'
            and c.occurred_at >= t.minute and c.occurred_at < t.minute + interval '1 minute'
        group by 1, 2""",
}
PER_MINUTE = (*_BY_ORDER, *_BY_FAILURE)
"""The tables, all in the schema `gold`."""


def recount(cursor: Cursor, *, orders: Collection[datetime], failures: Collection[datetime]) -> None:
    """Count anew the minutes in which orders, or failed payments, have changed."""
    kept_since = _kept_since(cursor)
    for statements, minutes in ((_BY_ORDER, orders), (_BY_FAILURE, failures)):
        for table, statement in statements.items():
            _recount(cursor, table, statement, _kept(cursor, table, minutes, kept_since))


def _recount(cursor: Cursor, table: str, statement: str, minutes: list[datetime]) -> None:
    if minutes:
        given = {"minutes": minutes}
        cursor.execute(f"delete from gold.{table} where minute = any(%(minutes)s)", given)  # noqa: S608 - constants
        cursor.execute(
            f"insert into gold.{table} {statement.format(minutes=_MINUTES, longest=LONGEST_NAME)}", given
        )


def _kept_since(cursor: Cursor) -> dict[str, datetime]:
    cursor.execute("select table_name, kept_since from gold.retention for share")
    return {str(name): since for name, since in cursor}


def _kept(
    cursor: Cursor, table: str, minutes: Collection[datetime], kept_since: Mapping[str, datetime]
) -> list[datetime]:
    """The minutes that may still be corrected; the others are counted as refused."""
    since = kept_since.get(table)
    refused = [minute for minute in minutes if since is not None and minute < since]
    if refused:
        cursor.execute(
            """insert into gold.refused_corrections (table_name, minute, refusals)
            select %s, minute, 1 from unnest(%s::timestamptz[]) as t (minute)
            on conflict (table_name, minute) do update set refusals = refused_corrections.refusals + 1""",
            (table, refused),
        )
    return sorted(set(minutes) - set(refused))
