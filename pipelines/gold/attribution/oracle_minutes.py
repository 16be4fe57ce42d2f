"""The per-minute tables by plain Python: one order, one credit, one failure after the other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.gold.attribution.touches import LONGEST_NAME

Row = dict[str, Any]
Tables = dict[str, list[Row]]
MINUTE = 60_000_000
"""In microseconds."""


def by_minute(checkouts: Iterable[Row], orders: Iterable[Row], credited: Iterable[Row]) -> Tables:
    """Table → rows, of rows of the tables of that name; null stands for no amount, and for `unknown`."""
    paid = [order for order in orders if order["is_paid"]]
    return {
        "source_count": _sources(credited),
        "fail_count": _failures(checkouts),
        "category_count": _categories(paid),
        "gender_count": _genders(paid),
        "revenue": _revenue(paid),
    }


def _sums(rows: Iterable[tuple[Mapping[str, Any], Mapping[str, int | None]]]) -> list[Row]:
    """Groups and what each adds, summed up by group."""
    found: dict[tuple[Any, ...], Row] = {}
    for group, amounts in rows:
        row = found.setdefault(tuple(group.values()), {**group, **dict.fromkeys(amounts, 0)})
        for name, amount in amounts.items():
            row[name] += amount or 0
    return list(found.values())


def _sources(credited: Iterable[Row]) -> list[Row]:
    names = ("look_back_seconds", "model", "source")
    return _sums(
        (
            {
                "minute": one["ordered_minute"],
                **{name: one[name] for name in names},
                "currency": one["currency"] or "",
            },
            {
                "order_micros": one["share_micros"],
                "revenue_minor": one["revenue_minor"],
                "profit_minor": one["profit_minor"],
                "final_micros": one["share_micros"] if one["is_final"] else 0,
            },
        )
        for one in credited
    )


def _failures(checkouts: Iterable[Row]) -> list[Row]:
    return _sums(
        (
            {
                "minute": one["occurred_at"] // MINUTE * MINUTE,
                "reason": (one["failure_reason"] or "unknown")[:LONGEST_NAME],
            },
            {"failures": 1},
        )
        for one in checkouts
        if one["status"] == "payment_failed"
    )


def _categories(paid: Iterable[Row]) -> list[Row]:
    found = []
    for order in paid:
        pieces: dict[str, int] = defaultdict(int)
        for line in order["lines"]:
            pieces[(line["category"] or "unknown")[:LONGEST_NAME]] += line["quantity"]
        for category, number in pieces.items():
            group = {"minute": order["ordered_minute"], "category": category}
            found.append((group, {"orders": 1, "pieces": number}))
    return _sums(found)


def _genders(paid: Iterable[Row]) -> list[Row]:
    return _sums(
        ({"minute": one["ordered_minute"], "gender": one["gender"] or "unknown"}, {"orders": 1})
        for one in paid
    )


def _revenue(paid: Iterable[Row]) -> list[Row]:
    return _sums(
        (
            {"minute": one["ordered_minute"], "currency": one["currency"] or ""},
            {
                "orders": 1,
                "revenue_minor": one["net_minor"],
                "profit_minor": one["profit_minor"],
                "refunded_minor": one["refunded_minor"],
                "totals_sent_wrong": one["total_agrees"] is False,
            },
        )
        for one in paid
    )
