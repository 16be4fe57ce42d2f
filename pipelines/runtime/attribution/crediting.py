"""Who is credited with an order: the rules and the newest fits, as rows of gold.attributed_orders."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from pipelines.gold.attribution.fits import Fit, credit
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.money import credits_in_money
from pipelines.gold.attribution.standing import Standing
from pipelines.gold.attribution.touches import Path
from pipelines.runtime.attribution.clock import minute_of, moment

CREDIT_COLUMNS = (
    *("order_id", "look_back_seconds", "model", "source", "share_micros", "revenue_minor"),
    *("profit_minor", "currency", "ordered_minute", "is_final", "fit_version"),
)


Credits = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Order → model → source → micro-shares."""


class Shares(NamedTuple):
    """What one model says of one order: micro-shares by source."""

    model: str
    fit_version: int | None
    by_source: Mapping[str, int]


def newest_fits(cursor: Cursor) -> list[Fit]:
    """The fit that credits now, of each fitted model that has one."""
    cursor.execute(
        """select distinct on (model) model, fit_version, weights
        from gold.attribution_fits order by model, fitted_at desc, fit_version"""
    )
    return [Fit(model, version, weights, {}, {}) for model, version, weights in cursor]


def shares_of(path: Path, fits: Sequence[Fit]) -> list[Shares]:
    """What every rule and every fit says of an order's path."""
    rules = [Shares(name, None, model.credit(path)) for name, model in all_models().items()]
    return [*rules, *(Shares(fit.model, fit.fit_version, credit(path, fit)) for fit in fits)]


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
    order: Standing, shares: Sequence[Shares], *, look_back_seconds: int, is_final: bool
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
