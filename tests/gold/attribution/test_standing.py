"""How an order stands after its messages, by hand; and that neither order nor repeats of them matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution.amounts import Line
from pipelines.gold.attribution.standing import NOBODY, Buyer, OrderMessage, Position, standing_of

AT = 1_772_359_200_000_000
LINES = (Line(1, "p1", 1, 1000, "shoes", 1000),)
UNPRICED = (Line(1, "p1", 1, None, None, None),)


def message(event_id, status, *, after=0, offset=None, total=None, lines=LINES, **changes):
    said = {
        "order_id": "o1",
        "visitor_id": "v1",
        "position": Position(AT + (offset or 0), "orders", 0, after if offset is None else offset),
        "user_id": None,
        "failure_reason": None,
        "payment_method": None,
        "currency": "EUR",
        "shipping_minor": 490,
        "discount_bp": None,
    }
    return OrderMessage(
        event_id=event_id,
        status=status,
        occurred_at=AT + after,
        sent_total_minor=total,
        lines=lines,
        **(said | changes),
    )


PLACED = message("m1", "placed")
FAILED = message("m2", "payment_failed", after=1)
PAID = message("m3", "paid", after=2)
WHOLE = message("m4", "refunded", after=3)
PART = message("m5", "refunded", after=4, total=745)
CANCELLED = message("m6", "cancelled", after=5)
AGAIN = message("m7", "paid", after=6)


@pytest.mark.parametrize(
    ("messages", "status", "is_paid", "paid", "refunded", "net", "profit"),
    [
        ([PLACED], "placed", False, 0, 0, 0, 0),
        ([PLACED, FAILED], "payment_failed", False, 0, 0, 0, 0),
        ([PLACED, FAILED, PAID], "paid", True, 1490, 0, 1490, 100),
        ([PLACED, PAID, WHOLE], "refunded", True, 1490, 1490, 0, 0),
        ([PLACED, PAID, PART], "refunded", True, 1490, 745, 745, 50),
        ([PLACED, PAID, PART, WHOLE], "refunded", True, 1490, 1490, 0, 0),
        ([PLACED, CANCELLED], "cancelled", False, 0, 0, 0, 0),
        ([PLACED, PAID, CANCELLED], "cancelled", False, 1490, 0, 0, 0),
        ([PLACED, PAID, CANCELLED, AGAIN], "paid", True, 1490, 0, 1490, 100),
        ([PLACED, PART], "refunded", True, 1490, 745, 745, 50),
        ([WHOLE], "refunded", True, None, None, None, None),
        ([PART], "refunded", True, None, 745, None, None),
        ([CANCELLED], "cancelled", False, 0, 0, 0, 0),
    ],
    ids=lambda value: "-".join(one.status for one in value) if isinstance(value, list) else "",
)
def test_by_hand(messages, status, is_paid, paid, refunded, net, profit):
    found = standing_of(messages)
    assert (found.status, found.is_paid, found.versions) == (status, is_paid, len(messages))
    assert (found.paid_minor, found.refunded_minor) == (paid, refunded)
    assert (found.net_minor, found.profit_minor) == (net, profit)


def test_a_refund_of_what_the_shop_had_sent_gives_back_all():
    """The sent total was wrong: the customer paid the computed one, and got it back."""
    paid = message("m1", "paid", total=9999)
    assert standing_of([paid]).total_agrees is False
    found = standing_of([paid, message("m2", "refunded", after=1, total=9999)])
    assert (found.paid_minor, found.refunded_minor, found.net_minor) == (1490, 1490, 0)


def test_the_sent_total_counts_where_a_price_is_unknown():
    found = standing_of([message("m1", "paid", total=700, lines=UNPRICED)])
    assert (found.paid_minor, found.net_minor, found.profit_minor, found.total_agrees) == (
        700,
        700,
        None,
        None,
    )


def test_a_payment_without_any_amount_is_worth_what_the_order_was():
    found = standing_of([PLACED, message("m2", "paid", after=1, lines=UNPRICED)])
    assert (found.paid_minor, found.profit_minor, found.lines) == (1490, 100, UNPRICED)


def test_what_nobody_said_is_null_and_not_0():
    found = standing_of([message("m1", "paid", lines=UNPRICED)])
    assert found.is_paid
    assert (found.paid_minor, found.refunded_minor, found.net_minor, found.profit_minor) == (
        None,
        0,
        None,
        None,
    )


def test_it_is_made_by_the_first_message_that_is_no_refund_or_cancellation():
    early = message("m0", "refunded", after=-5, visitor_id="v0", user_id="u9", currency="USD")
    buyer = Buyer("GOLD", "f", "DE")
    placed = message("m1", "placed", buyer=buyer, payment_method="card")
    found = standing_of([early, placed, PAID])
    assert (found.ordered_at, found.buyer, found.currency, found.payment_method) == (AT, buyer, "EUR", "card")
    assert (found.visitor_id, found.user_id) == ("v0", "u9")
    assert standing_of([early]).currency is None
    assert standing_of([early]).buyer == NOBODY


def test_of_a_message_that_came_twice_the_first_counts():
    first = message("m1", "paid", offset=3)
    second = message("m1", "cancelled", after=9, offset=4)
    found = standing_of([second, first])
    assert (found.status, found.versions, found.first_ingested_at) == ("paid", 1, AT + 3)


def test_messages_of_one_moment_count_by_their_ids():
    ids = [message("b", "cancelled"), message("a", "paid")]
    assert standing_of(ids).status == "cancelled"
    assert not standing_of(ids).is_paid


_messages = st.builds(
    message,
    st.sampled_from(["m1", "m2", "m3", "m4"]),
    st.sampled_from(["placed", "paid", "payment_failed", "refunded", "cancelled"]),
    after=st.integers(0, 3),
    offset=st.integers(0, 30),
    total=st.sampled_from([None, 0, 745, 1490]),
    lines=st.sampled_from([LINES, UNPRICED]),
    user_id=st.sampled_from([None, "u1", "u2"]),
    currency=st.sampled_from([None, "EUR", "USD"]),
)


@given(
    messages=st.lists(_messages, min_size=1, max_size=8, unique_by=lambda one: one.position),
    data=st.data(),
)
def test_neither_the_order_of_arrival_nor_repeats_change_it(messages, data):
    repeats = data.draw(st.lists(st.sampled_from(messages), max_size=4))
    shuffled = data.draw(st.permutations([*messages, *repeats]))
    assert standing_of(shuffled) == standing_of(messages)


@given(messages=st.lists(_messages, min_size=1, max_size=8, unique_by=lambda one: one.position))
def test_what_is_earned_is_what_was_paid_less_what_was_given_back(messages):
    found = standing_of(messages)
    if found.is_paid and None not in (found.paid_minor, found.refunded_minor):
        assert found.net_minor == found.paid_minor - found.refunded_minor
    if not found.is_paid:
        assert found.net_minor == 0
    if found.net_minor == 0:
        assert found.profit_minor == 0
