"""Who is credited with an order: the rules and the newest fits, as rows of gold.attributed_orders."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipelines.contracts.clock import minute_of, moment
from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.money import credits_in_money
from pipelines.gold.attribution.shares import Shares
from pipelines.gold.attribution.standing import Earned, Standing

CREDIT_COLUMNS = (
    *("order_id", "look_back_seconds", "model", "source", "share_micros", "revenue_minor"),
    *("profit_minor", "currency", "ordered_minute", "is_final", "fit_version"),
)


Credits = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Order → model → source → micro-shares."""


def newest_fits(cursor: Cursor) -> list[Fit]:
    """The fit that credits now, of each fitted model that has one."""
    cursor.execute(
        """select distinct on (model) model, fit_version, weights
        from gold.attribution_fits order by model, fitted_at desc, fit_version"""
    )
    return [Fit(model, version, weights, {}, {}) for model, version, weights in cursor]


def credits_of(cursor: Cursor, orders: Sequence[str], *, look_back_seconds: int) -> Credits:
    """The credits that the book holds of these orders."""
    cursor.execute(
        """select order_id, model, source, share_micros from gold.attributed_orders
        where order_id = any(%s) and look_back_seconds = %s order by order_id, model, source""",
        (list(orders), look_back_seconds),
    )
    found: dict[str, dict[str, dict[str, int]]] = {}
    for order_id, model, source, share in cursor:
        found.setdefault(order_id, {}).setdefault(model, {})[source] = share
    return found


def credit_rows(
    order: Earned, shares: Sequence[Shares], *, look_back_seconds: int, is_final: bool
) -> Iterator[tuple[Any, ...]]:
    """Rows in `CREDIT_COLUMNS` of an order: one per model and source. None of an order that is not paid."""
    if not order.is_paid:
        return
    minute = moment(minute_of(order.ordered_at))
    for one in shares:
        revenue, profit = (_spread(one.by_source, amount) for amount in (order.net_minor, order.profit_minor))
        for source, share in one.by_source.items():
            yield (
                *(order.order_id, look_back_seconds, one.model, source, share),
                *(revenue.get(source), profit.get(source), order.currency, minute, is_final, one.fit_version),
            )


def _spread(shares: Mapping[str, int], amount: int | None) -> dict[str, int]:
    return {} if amount is None else credits_in_money(shares, amount)


def replace_credits(
    cursor: Cursor, orders: Sequence[str], rows: Sequence[tuple[Any, ...]], look_back: int
) -> None:
    """Put the rows in the place of all credits that the orders have under the look-back (seconds)."""
    cursor.execute(
        "delete from gold.attributed_orders where order_id = any(%s) and look_back_seconds = %s",
        (list(orders), look_back),
    )
    _insert(cursor, rows)


def _insert(cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows in `CREDIT_COLUMNS`; those of the same orders and look-back have been deleted before."""
    statement = f"insert into gold.attributed_orders ({', '.join(CREDIT_COLUMNS)}) values %s"  # noqa: S608
    execute_values(cursor, statement, rows, page_size=1000)


def restate_other_look_backs(cursor: Cursor, orders: Sequence[Standing], look_back: int) -> None:
    """Spread what the orders earn now by the shares they have under other look-backs."""
    cursor.execute(
        """delete from gold.attributed_orders where order_id = any(%s) and look_back_seconds <> %s
        returning order_id, look_back_seconds, is_final, model, fit_version, source, share_micros""",
        ([order.order_id for order in orders], look_back),
    )
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for *one, source, share in cursor:
        found[tuple(one)][source] = share
    earned = {order.order_id: order.earned for order in orders}
    rows: list[tuple[Any, ...]] = []
    for (order_id, seconds, is_final, model, fit), shares in found.items():
        said = [Shares(model, fit, shares)]
        rows += credit_rows(earned[order_id], said, look_back_seconds=seconds, is_final=is_final)
    _insert(cursor, rows)
