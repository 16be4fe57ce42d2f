"""Replays: pacing, shifting, disturbing; no Kafka in here."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from pipelines.connectors.mapping import load_mapping, open_files
from pipelines.contracts.delivery import Delivery
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError
from pipelines.runtime.feeds.disturbance import Disturbance, disturbed
from pipelines.runtime.feeds.mapping_check import check_mapping
from pipelines.runtime.feeds.replay import ReplayPlan, parse_speed, shift_of

QUIET = Disturbance(0, 0, 0, 7)
SQL = """
-- @column id
-- @column time
-- @column arrived?
-- @topic clicks
select _row, id as event_id, 'page_view' as event_type, time as occurred_at, id as visitor_id,
  arrived as known_at
from input
"""


@pytest.fixture
def opened(tmp_path):
    def open_rows(*rows: str):
        (tmp_path / "own.sql").write_text(SQL)
        (tmp_path / "rows.csv").write_text("\n".join(["id,time,arrived", *rows]))
        return open_files(load_mapping("own", folder=tmp_path), [tmp_path / "rows.csv"])

    return open_rows


def test_records_are_paced_by_the_time_between_them_and_end_at_the_given_time(opened):
    rows = ["c,2024-01-01T00:01:00Z,", "a,2024-01-01T00:00:00Z,", "b,2024-01-01T00:00:30Z,", "z,soon,"]
    with opened(*rows) as mapped:
        deliveries, shift = ReplayPlan(100.0, "2025-06-01T12:00:00Z", QUIET).deliveries(mapped)
        found = [(d.key, d.send_at // 1_000_000, json.loads(d.value)["occurred_at"]) for d in deliveries]
    assert found == [
        (b"z", 0, "soon"),
        (b"a", 0, "2025-06-01T11:59:00.000000Z"),
        (b"b", 30, "2025-06-01T11:59:30.000000Z"),
        (b"c", 60, "2025-06-01T12:00:00.000000Z"),
    ]
    assert (
        shift
        == (datetime(2025, 6, 1, 12, tzinfo=UTC) - datetime(2024, 1, 1, 0, 1, tzinfo=UTC)).total_seconds()
        * 1e6
    )


def test_without_a_shift_times_stay_as_they_are(opened):
    with opened("a,2024-01-01T00:00:00+02:00,") as mapped:
        deliveries, shift = ReplayPlan(None, None, QUIET).deliveries(mapped)
        assert [json.loads(d.value)["occurred_at"] for d in deliveries] == ["2024-01-01T00:00:00+02:00"]
    assert shift == 0


def test_shifted_to_now_nothing_lies_in_the_future_not_even_an_arrival(opened):
    rows = ["a,2024-01-01T00:00:00Z,2024-01-01T00:00:05Z", "b,2024-01-01T00:01:00Z,2024-01-01T03:00:00Z"]
    with opened(*rows) as mapped:
        deliveries, _ = ReplayPlan(None, "now", QUIET).deliveries(mapped)
        found = list(deliveries)
    now = int(datetime.now(UTC).timestamp() * 1e6)
    outcomes = [
        parse_record(RawRecord(d.key, d.value, d.headers, now), all_topics()["clicks"]) for d in found
    ]
    ((a,), (b,)) = outcomes
    assert b["known_at"] - a["known_at"] == (3 * 3600 - 5) * 1_000_000
    assert 0 <= now - b["known_at"] < 60_000_000
    assert b["known_at"] - b["occurred_at"] == (3 * 3600 - 60) * 1_000_000
    assert found[0].headers[0][0] == KNOWN_AT_HEADER


def test_implausible_times_are_sent_at_the_nearer_end(opened):
    rows = [
        "old,1970-01-01T00:00:01Z,",
        "a,2024-01-01T00:00:00Z,",
        "b,2024-01-01T00:00:09Z,",
        "far,2999-01-01T00:00:00Z,",
    ]
    with opened(*rows) as mapped:
        deliveries, _ = ReplayPlan(1.0, "now", QUIET).deliveries(mapped)
        assert [(d.key, d.send_at) for d in deliveries] == [
            (b"old", 0),
            (b"a", 0),
            (b"b", 9_000_000),
            (b"far", 9_000_000),
        ]


def test_check_counts_what_the_parser_rejects(opened):
    rows = [
        "a,2024-01-01T00:00:00Z,",
        ",2024-01-01T00:00:01Z,",
        "c,soon,",
        "d,2024-01-01T00:00:02Z,late",
        "e,never,",
    ]
    with opened(*rows) as mapped:
        span = mapped.span()
        check = check_mapping(mapped, name="own", span=span, shift_micros=0, rows=1)
    assert (check.input_rows, check.records, check.valid) == (5, {"clicks": 5}, {"clicks": 1})
    assert {(r.stage, r.reason, r.field, r.count) for r in check.rejects} == {
        ("validate", "bad_time", "occurred_at", 2),
        ("validate", "missing", "event_id", 1),
        ("decode", "bad_header", "clicklake-known-at", 1),
    }
    assert check.rejects[0].reason == "bad_time"
    assert [example["row"] for example in check.rejects[0].examples] == [3, 5]
    assert [(row["row"], row["record"]["event_id"]) for row in check.rows] == [(1, "a")]


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", ""])
def test_speed_is_checked(text):
    with pytest.raises(SettingsError, match="--speed"):
        parse_speed(text)
    assert (parse_speed("max"), parse_speed("0.5")) == (None, 0.5)


def test_shift_and_shares_are_checked_before_anything_is_read():
    with pytest.raises(SettingsError, match="--shift-to tomorrow"):
        ReplayPlan(None, "tomorrow", QUIET).check()
    for shares in [(1, 0, 0), (-0.1, 0, 0), (0, 0.5, 0.5)]:
        with pytest.raises(SettingsError, match="below 1 in all"):
            ReplayPlan(None, None, Disturbance(*shares, 7)).check()
    assert shift_of(None, "now") == 0


def _clicks(count: int) -> list[Delivery]:
    moments = [f"2024-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z" for n in range(count)]
    records = [
        {"event_id": f"e{n}", "event_type": "page_view", "occurred_at": moment, "visitor_id": f"v{n}"}
        for n, moment in enumerate(moments)
    ]
    return [
        Delivery(n * 1_000_000, "clicks", r["visitor_id"].encode(), json.dumps(r).encode())
        for n, r in enumerate(records)
    ]


def test_disturbances_come_in_their_shares_and_nothing_genuine_is_lost():
    genuine = _clicks(20_000)
    found = list(disturbed(genuine, Disturbance(0.05, 0.02, 0.01, 3)))
    fates = Counter(d.fate for d in found)
    assert fates["late"] / len(found) == pytest.approx(0.05, abs=0.01)
    assert fates["duplicate"] / len(found) == pytest.approx(0.02, abs=0.005)
    assert fates["broken"] / len(found) == pytest.approx(0.01, abs=0.004)
    kept = {d.value for d in found if d.fate in (None, "late")}
    assert kept == {d.value for d in genuine}
    assert [d.send_at for d in found] == sorted(d.send_at for d in found)
    first_seen: dict[bytes, int] = {}
    for position, delivery in enumerate(found):
        if delivery.fate == "duplicate":
            assert first_seen[delivery.value] < position
        first_seen.setdefault(delivery.value, position)


def test_broken_records_are_rejected_for_the_reason_they_name():
    now = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp() * 1e6)
    broken = [d for d in disturbed(_clicks(10_000), Disturbance(0, 0, 0.05, 5)) if d.fate == "broken"]
    assert len({d.reason for d in broken}) > 8
    for delivery in broken:
        outcome = parse_record(
            RawRecord(delivery.key, delivery.value, delivery.headers, now), all_topics()["clicks"]
        )
        assert isinstance(outcome, Reject)
        assert outcome.reason == delivery.reason


def test_a_seed_gives_the_same_disturbance_again():
    once, again, other = (
        [(d.send_at, d.value, d.fate) for d in disturbed(_clicks(2000), Disturbance(0.05, 0.02, 0.01, seed))]
        for seed in (3, 3, 4)
    )
    assert once == again
    assert once != other
