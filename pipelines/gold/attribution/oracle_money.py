"""What an order brought in and who gets how much of it, by plain Python."""

from collections.abc import Mapping
from fractions import Fraction

from pipelines.gold.attribution.amounts import half_up
from pipelines.gold.attribution.oracle_minutes import Row
from pipelines.gold.attribution.touches import MICROS


def money_of(said: list[Row], refunds: list[Row], *, paid: bool, off: bool) -> Row:
    """What was paid, given back and earned, in minor units. What nobody said is null.

    `said` are the messages by time without refunds and cancellations; `off`: it was called off.
    """
    teller: Row = {}
    for one in said:
        rank = (_worth(one) is not None, one["status"] == "paid")
        if not teller or rank >= (_worth(teller) is not None, teller["status"] == "paid"):
            teller = one
    amount = _worth(teller) if paid else 0
    sent = [one["sent_total_minor"] for one in refunds]
    whole = any(one is None or (teller and one == teller["sent_total_minor"]) for one in sent)
    back = amount if whole else sum(sent)
    net = 0 if off else None if amount is None or back is None else amount - back
    profit = teller.get("profit_minor")
    if net == 0 or amount == 0:
        profit = 0
    elif profit is not None:
        profit = None if net is None or amount is None else half_up(profit * net, amount)
    return {
        "paid_minor": amount,
        "refunded_minor": back,
        "net_minor": net,
        "profit_minor": profit,
        "total_agrees": teller.get("total_agrees"),
    }


def _worth(message: Row) -> int | None:
    computed: int | None = message.get("total_minor")
    return message.get("sent_total_minor") if computed is None else computed


def parts_of(shares: Mapping[str, int], amount: int | None) -> dict[str, int]:
    """The amount by source: quotas rounded down, what is left to the largest remainders."""
    if amount is None:
        return {}
    sign = -1 if amount < 0 else 1
    quotas = {source: Fraction(abs(amount) * share, MICROS) for source, share in shares.items()}
    parts = {source: int(quota) for source, quota in quotas.items()}
    for source in sorted(quotas, key=lambda one: (parts[one] - quotas[one], one)):
        if sum(parts.values()) < abs(amount):
            parts[source] += 1
    return {source: sign * part for source, part in parts.items()}
