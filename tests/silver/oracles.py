"""What the views over silver must say, in plain Python and row by row."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.silver.lake_rows import Row, second

STATES = ("placed", "paid", "payment_failed", "refunded", "cancelled")
moments = st.integers(0, 5).map(second)
positions = st.fixed_dictionaries(
    {"topic": st.sampled_from(["a", "b"]), "partition": st.integers(0, 1), "offset": st.integers(0, 10**9)}
)


def _at_own_place(rows: list[Row]) -> bool:
    return len({_position(row) for row in rows}) == len(rows)


def _position(row: Row) -> tuple[str, int, int]:
    return row["topic"], row["partition"], row["offset"]


def version_rows(key: str, column: str):
    """Lists of versions of a few keys with many equal times, each at a position of its own."""
    fields = st.fixed_dictionaries(
        {
            key: st.sampled_from(["k1", "k2", "k3"]),
            "valid_from": moments,
            "known_at": moments,
            "is_deleted": st.booleans(),
            column: st.sampled_from([None, "BRONZE", "GOLD"]),
        }
    )
    one = st.tuples(fields, positions).map(lambda pair: pair[0] | pair[1])
    return st.lists(one, max_size=12).filter(_at_own_place)


messages = st.lists(
    st.fixed_dictionaries(
        {
            "order_id": st.sampled_from(["o1", "o2"]),
            "event_id": st.sampled_from(["e1", "e2", "e3", "e4", "e5", "e6"]),
            "visitor_id": st.sampled_from(["v", "v", "w"]),
            "user_id": st.sampled_from([None, "u1", "u2"]),
            "session_id": st.sampled_from([None, "s1", "s2"]),
            "occurred_at": moments,
            "status": st.sampled_from(STATES),
            "failure_reason": st.sampled_from([None, "timeout", "card_expired"]),
            "payment_method": st.sampled_from([None, "card"]),
            "currency": st.sampled_from([None, "EUR"]),
            "total_minor": st.sampled_from([None, 0, 30, 100]),
            "lines": st.lists(st.sampled_from(["p", "q"]), min_size=1, max_size=3),
        }
    ),
    max_size=10,
)
"""Order messages; the n-th in the list arrived n-th."""

link_rows = st.lists(
    st.fixed_dictionaries(
        {
            "visitor_id": st.sampled_from(["v1", "v2"]),
            "user_id": st.sampled_from(["u1", "u2", "u3"]),
            "occurred_at": moments,
            "known_at": moments,
            "seen_hour": moments,
        }
    ),
    max_size=8,
)


def periods(versions: Sequence[Row], *, key: str) -> list[dict[str, Any]]:
    """Of each version that ever holds: its position and the end of its time."""
    found = []
    for version in versions:
        others = [other for other in versions if other[key] == version[key]]
        same = [other for other in others if other["valid_from"] == version["valid_from"]]
        later = [other["valid_from"] for other in others if other["valid_from"] > version["valid_from"]]
        if version is max(same, key=_position):
            found.append(version | {"valid_to": min(later, default=None)})
    return found


def version_at(versions: Sequence[Row], *, at: Any, known: Any = None) -> Row | None:
    """The version that holds at a moment, of those known by `known` where it is given; null if deleted."""
    seen = [
        one
        for one in versions
        if at is not None and one["valid_from"] <= at and (known is None or one["known_at"] <= known)
    ]
    last = max(seen, key=lambda one: (one["valid_from"], _position(one)), default=None)
    return None if last is None or last["is_deleted"] else last


def versions_of(sent: Sequence[Row]) -> dict[str, list[Row]]:
    """Order id → its messages in order of time, copies left out."""
    first: dict[tuple[str, str, str], Row] = {}
    for message in sent:
        first.setdefault((message["order_id"], message["visitor_id"], message["event_id"]), message)
    found: dict[str, list[Row]] = {}
    arrival = {id(message): n for n, message in enumerate(sent)}
    for one in sorted(first.values(), key=lambda m: (m["occurred_at"], m["event_id"], arrival[id(m)])):
        found.setdefault(one["order_id"], []).append(one)
    return found


def order_money(versions: Sequence[Row]) -> dict[str, Any]:
    """total, paid, refunded and net of an order, told by walking through its versions."""
    total = payment = cancelled = None
    paid = whole = False
    given_back = 0
    for version in versions:
        amount, status = version["total_minor"], version["status"]
        if status == "refunded":
            paid, whole = True, whole or amount is None
            given_back += amount or 0
            continue
        total = total if amount is None else amount
        if status == "paid":
            paid, cancelled = True, False
            payment = payment if amount is None else amount
        if status == "cancelled":
            cancelled = True
    came_in = (total if payment is None else payment) if paid else 0
    went_out = came_in if whole else given_back
    unknown = came_in is None or went_out is None
    net = 0 if cancelled else None if unknown else came_in - went_out
    return {"total_minor": total, "paid_minor": came_in, "refunded_minor": went_out, "net_minor": net}
