"""`gold.decisions`: each decision once, with what became of it as soon as that is final."""

import pytest

from pipelines.contracts.decisions import DECISIONS
from pipelines.errors import LakeError
from pipelines.gold.problems import all_problems
from pipelines.runtime.decisions import build as module
from pipelines.runtime.decisions.build import build_decisions
from tests.runtime.decisions.log_lake import NOON, SECOND, LogLake, asked, click, decided, order

PROBLEMS = list(all_problems().values())
LATE = 600
HOUR = 3_600


@pytest.fixture
def lake(tmp_path):
    return LogLake(tmp_path)


def build(lake):
    done = build_decisions(lake.names, PROBLEMS, late_seconds=LATE)
    return done.added, done.settled


def told(lake, *names):
    return [tuple(row[name] for name in names) for row in lake.rows(DECISIONS.name)]


def test_a_decision_is_added_open_and_gets_the_label_of_the_event_that_asked(lake):
    lake.send(decided(0, 1), decided(1, 2, probability=0.6), decided(2, 3))
    assert build(lake) == (3, 0)
    assert told(lake, "event_id", "label", "was_right") == [
        ("d0", None, None),
        ("d1", None, None),
        ("d2", None, None),
    ]
    came = {"row_id": "e0", "offset": 0, "label": 1, "outcome_at": NOON + 9 * SECOND}
    lake.label(
        {"problem": "checkout_purchase"} | came,
        {"problem": "checkout_purchase", "row_id": "e1", "offset": 1, "label": 0},
        {"problem": "session_purchase", "row_id": "e2", "offset": 2, "label": 1},
        {"problem": "checkout_purchase", "problem_version": 2, "row_id": "e2", "offset": 2, "label": 1},
        {"problem": "checkout_purchase", "row_id": "other#1", "offset": 2, "label": 1},
    )
    assert build(lake) == (0, 2)
    assert told(lake, "event_id", "label", "outcome_at", "was_right") == [
        ("d0", 1, NOON + 9 * SECOND, False),
        ("d1", 0, None, False),
        ("d2", None, None, None),
    ]


def test_the_row_holds_all_that_the_record_says(lake):
    lake.send(decided(0, 1))
    build(lake)
    (silver,), (gold,) = lake.rows("silver.decisions"), lake.rows(DECISIONS.name)
    mine = {"label": None, "outcome_at": None, "was_right": None, "weight": 10.0}
    assert gold == {name: silver.get(name) for name in DECISIONS.column_names} | mine


def test_done_again_and_in_steps_it_is_the_same_table(lake, monkeypatch):
    lake.send(*(decided(n, n) for n in range(7)))
    lake.label({"problem": "checkout_purchase", "row_id": "e3", "offset": 3, "label": 1})
    monkeypatch.setattr(module, "_STEP", 3)
    assert build(lake) == (7, 0)
    first = lake.rows(DECISIONS.name)
    assert [row["label"] for row in first] == [None, None, None, 1, None, None, None]
    assert build(lake) == (0, 0)
    monkeypatch.setattr(
        module, "covered_by_decisions", lambda _: module.Coverage(module.BUILD_DECISIONS, -1, {})
    )
    build(lake)
    assert lake.rows(DECISIONS.name) == first
    lake.send(decided(7, 8))
    build(lake)
    assert [row["event_id"] for row in lake.rows(DECISIONS.name)] == [f"d{n}" for n in range(8)]


def test_what_a_caller_asked_for_is_judged_by_the_problems_keys_once_it_is_final(lake):
    lake.send(
        asked(0, 10),
        asked(1, 20),
        asked(2, 10, session_id="s2"),
        asked(3, 10, session_id=None),
        asked(4, 5_000),
        order("o1", 20),
        order("o2", 30, status="placed"),
        click("c", HOUR + LATE + 10),
    )
    build(lake)
    assert told(lake, "event_id", "label") == [(f"d{n}", None) for n in range(5)], "the horizon is not over"
    lake.send(order("late", 9_000), click("d", HOUR + LATE + 20.000001))
    assert build(lake) == (0, 3)
    assert told(lake, "event_id", "label", "outcome_at") == [
        ("d0", 1, NOON + 20 * SECOND),
        ("d1", 0, None),
        ("d2", 0, None),
        ("d3", None, None),
        ("d4", None, None),
    ]


def test_an_outcome_at_the_end_of_the_horizon_counts_and_one_after_it_does_not(lake):
    lake.send(
        asked(0, 0),
        asked(1, 0, session_id="s2"),
        order("o1", HOUR),
        order("o2", HOUR + 0.000001, session_id="s2"),
        click("c", 9_000),
    )
    assert build(lake) == (2, 0)
    assert told(lake, "event_id", "label") == [("d0", 1), ("d1", 0)]


def test_a_lake_without_silver_is_told_and_one_without_decisions_has_none(lake):
    with pytest.raises(LakeError, match="silver has no batch yet"):
        build(lake)
    lake.send(click("c", 1))
    assert build(lake) == (0, 0)
    assert lake.rows(DECISIONS.name) == []
