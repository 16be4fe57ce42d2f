"""Seeded shop events for the benchmark of training frames: Zipf keys, sessions, decisions."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

DAYS = 30
MICROS = 1_000_000
START = 1_760_000_000 * MICROS
DECISION = "checkout_start"
_KINDS = ("product_view", "page_view", "add_to_cart", "purchase", DECISION)
_SHARES = (0.62, 0.18, 0.10, 0.02, 0.08)
_CATEGORIES = 40
_PAUSE = 1800 * MICROS
_CHUNK = 5_000_000

Numbers = npt.NDArray[np.int64]


def write_events(file: Path, *, events: int, hot: float, seed: int) -> None:
    """A Parquet file of `events` rows in the order of their times, which differ.

    One visitor and one product in 20 and in 100 events, by Zipf's law with exponents 0.8 and 0.9; with
    `hot`, one visitor and one product have that share of all events beside. A session ends with a pause
    of half an hour.
    """
    random = np.random.default_rng(seed)
    times = START + np.sort(random.integers(0, DAYS * 86_400 * MICROS - events, events)) + np.arange(events)
    visitors = _keys(random, events, count=max(events // 20, 10), exponent=0.8, hot=hot)
    products = _keys(random, events, count=max(events // 100, 10), exponent=0.9, hot=hot)
    sessions = _sessions(visitors, times)
    kinds = random.choice(len(_KINDS), events, p=_SHARES)
    prices = 100 + random.integers(0, 90_000, int(products.max()) + 1)
    with pq.ParquetWriter(file, _schema(), compression="snappy") as writer:
        for low in range(0, events, _CHUNK):
            part = slice(low, min(low + _CHUNK, events))
            numbers = np.arange(part.start, part.stop)
            writer.write_table(
                _rows(
                    numbers, times[part], visitors[part], products[part], sessions[part], kinds[part], prices
                ),
                row_group_size=1_000_000,
            )


def _keys(random: np.random.Generator, events: int, *, count: int, exponent: float, hot: float) -> Numbers:
    weights = np.cumsum(np.arange(1, count + 1, dtype=np.float64) ** -exponent)
    drawn = np.searchsorted(weights / weights[-1], random.random(events), side="right")
    names = random.permutation(count)[np.minimum(drawn, count - 1)]
    return np.where(random.random(events) < hot, count, names)


def _sessions(visitors: Numbers, times: Numbers) -> Numbers:
    """A number for each session, in no order that means anything."""
    order = np.argsort(visitors, kind="stable")
    is_new = np.ones(len(order), bool)
    is_new[1:] = (np.diff(visitors[order]) != 0) | (np.diff(times[order]) > _PAUSE)
    sessions = np.empty(len(order), np.int64)
    sessions[order] = np.cumsum(is_new)
    return sessions


def _schema() -> pa.Schema:
    texts = ("event_id", "kind", "visitor_id", "session_id", "product_id", "category")
    return pa.schema(
        [*((name, pa.string()) for name in texts), ("occurred_at", pa.int64()), ("price_minor", pa.int64())]
    )


def _rows(
    numbers: Numbers,
    times: Numbers,
    visitors: Numbers,
    products: Numbers,
    sessions: Numbers,
    kinds: npt.NDArray[np.int64],
    prices: Numbers,
) -> pa.Table:
    # A page view is about no product.
    about = pa.array(products, mask=kinds == _KINDS.index("page_view"))
    price = pa.array(prices[products], mask=kinds == _KINDS.index("page_view"))
    return pa.table(
        {
            "event_id": _named("e", pa.array(numbers), 10),
            "kind": pa.array(_KINDS).take(pa.array(kinds)),
            "visitor_id": _named("visitor-", pa.array(visitors), 8),
            "session_id": _named("session-", pa.array(sessions), 9),
            "product_id": _named("product-", about, 7),
            "category": _named("category-", pa.array(products % _CATEGORIES), 2),
            "occurred_at": times,
            "price_minor": price,
        },
        schema=_schema(),
    )


def _named(prefix: str, numbers: pa.Array, width: int) -> pa.Array:
    texts = pa.compute.utf8_lpad(numbers.cast(pa.string()), width, "0")
    return pa.compute.binary_join_element_wise(prefix, texts, "")
