"""Credit in money, and what advertising returns."""

from collections.abc import Mapping

from pipelines.gold.attribution.apportionment import apportion


def credits_in_money(shares: Mapping[str, int], amount_minor: int) -> dict[str, int]:
    """An amount in minor units by source, in proportion to micro-shares; the parts sum to it exactly.

    The amount may be 0 or negative. ValueError: a share is negative, or none is positive.
    """
    return apportion(shares, amount_minor)


def roas(revenue_minor: Mapping[str, int], spend_minor: Mapping[str, int]) -> dict[str, float | None]:
    """Return on advertising spend by source: revenue / spend, both minor units of one currency.

    One entry for each source that earned or cost something; null when nothing was spent on it.
    """
    sources = sorted(revenue_minor.keys() | spend_minor.keys())
    return {
        source: revenue_minor.get(source, 0) / spend_minor[source] if spend_minor.get(source) else None
        for source in sources
    }
