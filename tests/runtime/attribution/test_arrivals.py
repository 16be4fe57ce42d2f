"""In which batch a row came, and which orders the stream may have seen too little of."""

import pytest

from pipelines.gold.attribution.touches import MICROS
from pipelines.runtime.attribution.arrivals import Arrived, Cuts, late_orders

LOOK_BACK, LATE = 60, 100
AT = 1_772_359_200 * MICROS


def arrived(number, table, *, batch=0, **row):
    where = {"topic": "t", "partition": 0, "offset": number, "ingested_at": AT + number}
    times = {name: AT + at * MICROS for name, at in row.items() if name in ("occurred_at", "valid_from")}
    return Arrived(batch, f"silver.{table}", {**row, **times, **where})


def order(number, name, at, *, status="paid", batch=0, visitor="v"):
    said = {"order_id": name, "status": status, "visitor_id": visitor, "user_id": "u", "product_id": "p"}
    return arrived(number, "orders", batch=batch, occurred_at=at, **said)


def touch(number, at, *, visitor="v", source="google", batch=0):
    said = {"visitor_id": visitor, "traffic_source": source}
    return arrived(number, "events", batch=batch, occurred_at=at, **said)


def late(*some):
    return late_orders(some, look_back_seconds=LOOK_BACK, late_seconds=LATE)


def test_a_record_came_with_the_first_batch_that_reaches_beyond_it():
    cuts = Cuts([{("a", 0): 2}, {("a", 0): 2, ("b", 0): 1}, {("a", 0): 5, ("b", 0): 1}])
    assert [cuts.batch_of("a", 0, offset) for offset in range(6)] == [0, 0, 2, 2, 2, 3]
    assert [cuts.batch_of("b", 0, offset) for offset in range(2)] == [1, 3]
    assert cuts.batch_of("c", 0, 0) == 0


def test_what_comes_in_time_is_not_late():
    assert late(order(0, "o1", 10), touch(1, 5), touch(2, 109, visitor="w"), touch(3, 10)) == set()


@pytest.mark.parametrize(
    "last",
    [
        touch(2, 10),
        order(2, "o1", 10),
    ],
    ids=["touch", "message"],
)
def test_what_comes_when_data_is_that_much_newer_is_late(last):
    assert late(order(0, "o1", 20), touch(1, 110, visitor="w"), last) == {"o1"}


@pytest.mark.parametrize(
    "last",
    [
        touch(2, 10, source=None),
        touch(2, 10, visitor="w"),
        touch(2, -41),
        touch(2, 10),
        order(2, "o1", 10, status="refunded"),
    ],
    ids=["no source", "another visitor", "before the look-back", "after the order", "a refund"],
)
def test_what_has_no_say_in_an_order_makes_it_not_late(last):
    first = order(0, "o1", 9 if last.row["occurred_at"] == AT + 10 * MICROS else 20)
    assert late(first, touch(1, 200, visitor="w"), last) == set()


def test_the_batch_counts_before_the_clock():
    some = [order(5, "o1", 10, batch=0), touch(1, 200, visitor="w", batch=1)]
    assert late(*some) == set()
    assert late(*(one._replace(batch=0) for one in some)) == {"o1"}


@pytest.mark.parametrize(("name", "key"), [("users", "user_id"), ("products", "product_id")])
def test_a_version_that_came_in_a_later_batch_makes_it_late(name, key):
    def version(at, *, batch, value):
        return arrived(9, name, batch=batch, valid_from=at, **{key: value})

    mine = key[0]
    bought = order(0, "o1", 10, batch=1)
    assert late(bought, version(10, batch=2, value=mine)) == {"o1"}
    assert late(bought, version(10, batch=1, value=mine)) == set()
    assert late(bought, version(11, batch=2, value=mine)) == set()
    assert late(bought, version(10, batch=2, value="x")) == set()
