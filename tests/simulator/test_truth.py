"""What the shop says is true can be found again in what it sends, and its probabilities are calibrated."""

from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2, norm

from pipelines.simulator import CheckoutTruth, ImpressionTruth, OrderTruth, ShopConfig, Simulation
from pipelines.simulator.behaviour import INTENTS, PERSONA_SHARES, PERSONAS, SOURCES, intent_shares
from pipelines.simulator.belief import completion_probability
from tests.simulator.runs import START, Run, busy_run, run_shop

_FOLLOWS = {
    None: {"placed"},
    "placed": {"paid", "payment_failed"},
    "payment_failed": {"paid", "payment_failed", "cancelled"},
    "paid": {"refunded"},
}


@cache
def _checkouts() -> list[CheckoutTruth]:
    """More than 10,000, of a run whose records nobody keeps."""
    rows: list[CheckoutTruth] = []
    shares = {
        "late_share": 0.0,
        "duplicate_share": 0.0,
        "broken_share": 0.0,
        "bot_share": 0.0,
        "offer_share": 0.0,
    }
    config = ShopConfig(start=START, rate=500, horizon_seconds=850, products=100, **shares)
    simulation = Simulation(config, on_truth=rows.append)
    for _ in simulation.deliveries():
        pass
    return [row for row in rows if isinstance(row, CheckoutTruth)]


def _versions(run: Run) -> dict[str, list[list[dict]]]:
    """Versions of each order in their sequence, each the rows of its lines."""
    messages = defaultdict(list)
    for row in run.first_copies("orders"):
        messages[row["order_id"], row["event_id"]].append(row)
    orders = defaultdict(list)
    for (order, _), rows in messages.items():
        orders[order].append(rows)
    for versions in orders.values():
        versions.sort(key=lambda rows: rows[0]["sequence"])
    return orders


def test_versions_of_an_order_follow_each_other() -> None:
    seen = set()
    for versions in _versions(busy_run()).values():
        before = None
        for rows in versions:
            state = rows[0]["status"]
            assert state in _FOLLOWS[before]
            assert (rows[0]["failure_reason"] is not None) == (state == "payment_failed")
            seen.add(state)
            before = state
        same = ("currency", "total_minor", "shipping_minor", "payment_method", "visitor_id", "session_id")
        assert len({tuple(rows[0][name] for name in same) for rows in versions}) == 1
        assert len({str([(r["product_id"], r["quantity"]) for r in rows]) for rows in versions}) == 1
    assert seen == {"placed", "paid", "payment_failed", "refunded", "cancelled"}


def test_totals_are_those_of_the_lines_except_where_the_truth_says_otherwise() -> None:
    truth = {row.order_id: row for row in busy_run().truth if isinstance(row, OrderTruth)}
    wrong = 0
    for order, versions in _versions(busy_run()).items():
        rows = versions[0]
        goods = sum(row["quantity"] * row["unit_price_minor"] for row in rows)
        total = (goods * (10_000 - rows[0]["discount_bp"]) + 5_000) // 10_000 + rows[0]["shipping_minor"]
        assert (total == rows[0]["total_minor"]) == truth[order].total_agrees
        assert rows[0]["total_minor"] == truth[order].total_minor
        wrong += not truth[order].total_agrees
    assert wrong > 0


def test_orders_and_revenue_of_the_summary_are_those_sent() -> None:
    summary, states, revenue = busy_run().simulation.truth, defaultdict(int), defaultdict(int)
    for versions in _versions(busy_run()).values():
        last = versions[-1][0]
        states[last["status"]] += 1
        revenue[last["status"]] += last["total_minor"]
    assert {s: n for s, n in summary.orders_by_state.items() if n} == states
    assert {s: n for s, n in summary.revenue_minor_by_state.items() if n} == revenue


def test_touch_paths_are_those_found_in_the_clicks() -> None:
    by_visitor, links = defaultdict(list), {}
    for row in busy_run().first_copies("clicks"):
        if row["source"]:
            by_visitor[row["visitor_id"]].append((row["occurred_at"], row["source"], row["event_id"]))
        if row["event_type"] == "sign_in":
            links[row["visitor_id"]] = (row["user_id"], row["occurred_at"])
    longest = 0
    for order in (row for row in busy_run().truth if isinstance(row, OrderTruth)):
        since = order.occurred_at - 600_000_000
        browsers = {order.visitor_id} | {
            v for v, (user, at) in links.items() if user == order.user_id and at <= order.occurred_at
        }
        told = [
            [(t.occurred_at, t.source, t.event_id) for t in p] for p in (order.touches, order.user_touches)
        ]
        for visitors, path in zip(({order.visitor_id}, browsers), told, strict=True):
            found = sorted(t for v in visitors for t in by_visitor[v] if since <= t[0] <= order.occurred_at)
            assert sorted(path) == found
            longest = max(longest, len(found))
        assert order.first_source == min(told[0])[1]
        assert order.user_first_source == min(told[1])[1]
    assert longest > 3


def test_look_back_cuts_the_path() -> None:
    run = run_shop(rate=200, horizon_seconds=200, look_back_seconds=8)
    paths = [row.touches for row in run.truth if isinstance(row, OrderTruth)]
    assert any(not path for path in paths)
    orders = [row for row in run.truth if isinstance(row, OrderTruth)]
    assert all(t.occurred_at >= o.occurred_at - 8_000_000 for o in orders for t in o.touches)


def test_user_is_known_only_from_the_first_sign_in_on() -> None:
    known_since, rows = {}, defaultdict(dict)
    for topic in ("clicks", "orders"):
        for row in busy_run().first_copies(topic):
            rows[row["visitor_id"]][row["sequence"]] = row
    for visitor, by_sequence in rows.items():
        for number in range(len(by_sequence)):
            row = by_sequence[number]
            if row.get("event_type") == "sign_in":
                assert visitor not in known_since
                known_since[visitor] = number
            assert (row["user_id"] is not None) == (visitor in known_since)
    assert any(since > 3 for since in known_since.values())


def test_checkouts_are_those_sent_and_what_they_come_to() -> None:
    run = busy_run()
    starts = {r["event_id"] for r in run.first_copies("clicks") if r["event_type"] == "checkout_start"}
    truth = [row for row in run.truth if isinstance(row, CheckoutTruth)]
    assert {row.event_id for row in truth} == starts
    paid = {r["session_id"] for r in run.first_copies("orders") if r["status"] == "paid"}
    settled = [row for row in truth if row.occurred_at < run.config.start + 160_000_000]
    assert len(settled) > 300
    assert {row.session_id for row in settled if row.will_buy} == paid & {r.session_id for r in settled}


def _calibration_pvalues(probability: np.ndarray, outcome: np.ndarray, bins: int = 10) -> tuple[float, float]:
    """Of Hosmer and Lemeshow over equal groups (probabilities given: all groups free), and in all."""
    order = np.argsort(probability)
    total = 0.0
    for group in np.array_split(order, bins):
        p, y = probability[group], outcome[group]
        total += (y.sum() - p.sum()) ** 2 / (p * (1 - p)).sum()
    z = (outcome.sum() - probability.sum()) / np.sqrt((probability * (1 - probability)).sum())
    return float(chi2.sf(total, bins)), float(2 * norm.sf(abs(z)))


@pytest.mark.parametrize("known", ["anonymous", "signed in", "all"])
def test_purchase_probabilities_are_calibrated(known: str) -> None:
    rows = _checkouts()
    assert len(rows) > 10_000
    if known != "all":
        rows = [row for row in rows if (row.user_id is None) == (known == "anonymous")]
    probability = np.array([row.purchase_probability for row in rows])
    outcome = np.array([row.will_buy for row in rows], dtype=float)
    assert min(_calibration_pvalues(probability, outcome)) > 0.001
    assert np.mean(outcome[probability > 0.85]) - np.mean(outcome[probability < 0.4]) > 0.4


def test_calibration_test_sees_a_wrong_probability() -> None:
    rows = _checkouts()
    probability = np.array([row.purchase_probability for row in rows])
    outcome = np.array([row.will_buy for row in rows], dtype=float)
    assert min(_calibration_pvalues(probability - 0.03, outcome)) < 0.001


def test_click_probabilities_of_offers_are_calibrated() -> None:
    rows = [row for row in busy_run().truth if isinstance(row, ImpressionTruth)]
    probability = np.array([row.click_probability for row in rows])
    outcome = np.array([row.will_click for row in rows], dtype=float)
    assert min(_calibration_pvalues(probability, outcome)) > 0.001


def test_offer_clicks_are_sent_as_drawn() -> None:
    told = sum(row.will_click for row in busy_run().truth if isinstance(row, ImpressionTruth))
    clicks = [row for row in busy_run().first_copies("clicks") if row["event_type"] == "offer_click"]
    assert 0.95 * told <= len(clicks) <= told


def test_posterior_equals_enumeration_by_hand() -> None:
    """All nine hidden states written out, one browser with an earlier visit and a known level."""
    earlier, likelihood, completes = [0.2, 0.5, 0.9], [0.01, 0.03, 0.002], (0.1, 0.4, 0.9)
    source = 3
    numerator = denominator = 0.0
    for z in range(len(PERSONAS)):
        for i in range(len(INTENTS)):
            weight = PERSONA_SHARES[z] * earlier[z] * SOURCES[source].shares[z]
            weight *= intent_shares(z, source)[i] * likelihood[i]
            numerator += weight * completes[i]
            denominator += weight
    got = completion_probability([earlier], source=source, likelihood=likelihood, completes=completes)
    assert got == pytest.approx(numerator / denominator)
