"""What the shop sends: reproducible, in order, in the asked shares, with the fate it states."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from pipelines.contracts.fields import REASONS
from pipelines.contracts.parsing import Reject
from pipelines.errors import SettingsError
from pipelines.simulator import RecordTruth, ShopConfig
from tests.simulator.runs import START, busy_run, parse, run_shop


def test_same_config_gives_the_same_bytes_and_truth() -> None:
    one, other = run_shop(horizon_seconds=20, avro_share=0.2), run_shop(horizon_seconds=20, avro_share=0.2)
    assert one.deliveries == other.deliveries
    assert one.truth == other.truth


def test_another_seed_and_another_start_give_other_ids() -> None:
    ids = [
        {d.key for d in run_shop(horizon_seconds=5, **changes).behaviour()}
        for changes in ({}, {"seed": 8}, {"start": START + 1_000_000})
    ]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]


def test_faults_do_not_change_what_the_shoppers_do() -> None:
    shares = {"late_share": 0.0, "duplicate_share": 0.0, "broken_share": 0.0}
    calm = run_shop(horizon_seconds=10, **shares)
    late = run_shop(horizon_seconds=10, **shares | {"late_share": 0.3})
    assert {d.value for d in calm.deliveries} == {d.value for d in late.deliveries}


def test_deliveries_come_in_sending_order_within_the_horizon() -> None:
    times = [d.send_at for d in busy_run().deliveries]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] <= busy_run().config.horizon_seconds * 1_000_000


@pytest.mark.parametrize(("fate", "share"), [("late", 0.1), ("duplicate", 0.05), ("broken", 0.08)])
def test_shares_of_fates_are_as_asked(fate: str, share: float) -> None:
    counts = Counter(d.fate for d in busy_run().behaviour())
    assert binomtest(counts[fate], counts.total(), share).pvalue > 0.001


def test_rate_is_as_asked_from_the_first_seconds_on() -> None:
    records = busy_run().behaviour()
    per_ten_seconds = Counter(d.send_at // 10_000_000 for d in records)
    assert len(records) == pytest.approx(250 * 200, rel=0.05)
    # A tenth is late and a twentieth are second copies: those of the first seconds are still to come.
    assert all(0.8 * 2_500 < per_ten_seconds[number] < 1.1 * 2_500 for number in range(20))


@given(events=st.integers(1, 400), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_events_are_counted_exactly(events: int, seed: int) -> None:
    run = run_shop(max_records=events, horizon_seconds=None, seed=seed, users=50, products=40)
    assert len(run.behaviour()) == events


def test_every_record_has_the_fate_it_states() -> None:
    for delivery in busy_run().deliveries:
        parsed = parse(delivery)
        if delivery.fate == "broken":
            assert isinstance(parsed, Reject), delivery
            assert parsed.reason == delivery.reason, parsed
        else:
            assert delivery.reason is None
            assert not isinstance(parsed, Reject), (parsed, delivery)


def test_broken_records_cover_the_reasons() -> None:
    met = {d.reason for d in busy_run().deliveries if d.reason}
    of_others = {"unmapped", "mapping_failed", "conflicting_id", "parser_failed"}
    assert set(REASONS) - met == of_others


def test_duplicates_are_the_same_bytes_sent_again_later() -> None:
    first_sent = {}
    for delivery in busy_run().behaviour():
        if delivery.fate == "duplicate":
            assert first_sent[delivery.topic, delivery.key, delivery.value] <= delivery.send_at
        elif delivery.fate != "broken":
            assert (delivery.topic, delivery.key, delivery.value) not in first_sent
            first_sent[delivery.topic, delivery.key, delivery.value] = delivery.send_at


def test_late_records_are_sent_after_they_occurred_and_others_at_once() -> None:
    run = busy_run()
    end = run.config.horizon_seconds * 1_000_000
    for delivery in run.behaviour():
        if delivery.fate in ("ok", "late"):
            waited = START + delivery.send_at - parse(delivery)[0]["occurred_at"]
            late = delivery.fate == "late"
            assert waited == 0 if not late else (waited >= 1_000_000 or delivery.send_at == end)


def test_sequences_are_dense_per_visitor_over_clicks_and_orders() -> None:
    seen = defaultdict(list)
    times = defaultdict(dict)
    for topic in ("clicks", "orders"):
        for row in busy_run().first_copies(topic):
            if row.get("line_number", 1) == 1:
                seen[row["visitor_id"]].append(row["sequence"])
                times[row["visitor_id"]][row["sequence"]] = row["occurred_at"]
    for visitor, sequences in seen.items():
        assert sorted(sequences) == list(range(len(sequences)))
        in_order = [times[visitor][number] for number in range(len(sequences))]
        assert in_order == sorted(in_order)


def test_key_is_the_visitor_and_event_ids_are_unique() -> None:
    ids = Counter()
    for topic in ("clicks", "orders"):
        for row in busy_run().first_copies(topic):
            if row.get("line_number", 1) == 1:
                ids[row["event_id"]] += 1
    assert max(ids.values()) == 1
    for delivery in busy_run().behaviour()[:5_000]:
        parsed = parse(delivery)
        if not isinstance(parsed, Reject):
            assert parsed[0]["visitor_id"].encode() == delivery.key


def test_truth_names_every_record_that_is_not_punctual_and_first() -> None:
    run = busy_run()
    told = Counter(row.fate for row in run.truth if isinstance(row, RecordTruth))
    sent = Counter(d.fate for d in run.behaviour())
    assert told == {fate: sent[fate] for fate in ("late", "duplicate", "broken")}


def test_products_are_viewed_by_zipf() -> None:
    shares = {"late_share": 0.0, "duplicate_share": 0.0, "broken_share": 0.0, "bot_share": 0.0}
    run = run_shop(max_records=40_000, horizon_seconds=None, rate=2_000, products=200, **shares)
    views = Counter()
    last: dict[str, str] = {}
    for row in run.first_copies("clicks"):  # who stays in a category is correlated: take one view a visit
        if row["event_type"] == "product_view" and last.get(row["session_id"]) is None:
            last[row["session_id"]] = row["product_id"]
            views[int(row["product_id"][1:])] += 1
    harmonic = sum(1 / rank for rank in range(1, 201))
    expected = [views.total() / harmonic / rank for rank in range(1, 31)]
    rest = views.total() - sum(expected)
    counts = [views[rank] for rank in range(30)]
    assert chisquare([*counts, views.total() - sum(counts)], [*expected, rest]).pvalue > 0.001


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"late_share": 1.5}, "late_share"),
        ({"broken_share": 0.6}, "broken_share"),
        ({"users": 0}, "users"),
        ({"horizon_seconds": -1}, "horizon_seconds"),
        ({"max_records": 0}, "max_records"),
    ],
)
def test_a_config_without_sense_is_refused_by_name(change: dict[str, float], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        ShopConfig(**change)
