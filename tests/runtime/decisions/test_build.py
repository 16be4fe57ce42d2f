"""`gold.decisions`: each decision once, with what became of it as soon as that is final."""

from datetime import timedelta

import pytest

from pipelines.connectors.lake_reader import LakeReader
from pipelines.contracts.clock import moment
from pipelines.contracts.decisions import DECISION_OUTCOMES
from pipelines.contracts.positions import Coverage
from pipelines.errors import LakeError
from pipelines.gold.problems import all_problems
from pipelines.runtime.decisions import build as module
from pipelines.runtime.decisions.build import GIVEN_UP, build_decisions
from tests.runtime.decisions.log_lake import NOON, SECOND, LogLake, asked, click, decided, order

PROBLEMS = list(all_problems().values())
LATE = 600
NOW = moment(NOON) + timedelta(hours=3)
HOUR = 3_600


@pytest.fixture
def lake(tmp_path):
    return LogLake(tmp_path)


def build(lake, *, now=NOW):
    done = build_decisions(lake.names, PROBLEMS, late_seconds=LATE, now=now)
    return done.added, done.still_open


def told(lake, *names):
    listed = ", ".join(f"epoch_us({name}) as {name}" if name == "outcome_at" else name for name in names)
    rows = LakeReader(lake.names).rows(f'select {listed} from gold.decisions order by "offset"')
    return [tuple(row[name] for name in names) for row in rows]


def test_a_decision_is_open_until_it_has_the_label_of_the_event_that_asked(lake):
    lake.send(decided(0, 1), decided(1, 2, probability=0.6), decided(2, 3))
    assert build(lake) == (0, 3)
    assert told(lake, "event_id", "label", "weight") == [(f"d{n}", None, None) for n in range(3)]
    came = {"row_id": "e0", "offset": 0, "label": 1, "outcome_at": NOON + 9 * SECOND}
    lake.label(
        {"problem": "checkout_purchase"} | came,
        {"problem": "checkout_purchase", "row_id": "e1", "offset": 1, "label": 0},
        {"problem": "session_purchase", "row_id": "e2", "offset": 2, "label": 1},
        {"problem": "checkout_purchase", "problem_version": 2, "row_id": "e2", "offset": 2, "label": 1},
        {"problem": "checkout_purchase", "row_id": "other#1", "offset": 2, "label": 1},
    )
    assert build(lake) == (2, 1)
    assert told(lake, "event_id", "label", "outcome_at", "was_right", "weight", "features") == [
        ("d0", 1, NOON + 9 * SECOND, False, 10.0, '{"session__carts":1}'),
        ("d1", 0, None, False, 10.0, '{"session__carts":1}'),
        ("d2", None, None, None, None, '{"session__carts":1}'),
    ]


def test_done_again_nothing_is_added_twice_and_runs_go_on_where_the_last_ended(lake, monkeypatch):
    lake.send(*(decided(n, n) for n in range(7)))
    label = {"problem": "checkout_purchase", "label": 1}
    lake.label(*(label | {"row_id": f"e{n}", "offset": n} for n in (0, 1, 3)))
    assert build(lake) == (3, 4)
    assert build(lake) == (0, 4)
    assert module._last_run(lake.names.table(DECISION_OUTCOMES.name)).positions == {("decisions", 0): 2}
    lake.send(decided(7, 8))
    lake.label(*(label | {"row_id": f"e{n}", "offset": n} for n in (2, 4, 5, 6, 7)))
    assert build(lake) == (5, 0)
    assert module._last_run(lake.names.table(DECISION_OUTCOMES.name)).positions == {("decisions", 0): 8}
    monkeypatch.setattr(module, "_last_run", lambda _: Coverage(module.BUILD_DECISIONS, 9, {}))
    assert build(lake) == (0, 0)
    assert told(lake, "event_id", "label") == [(f"d{n}", 1) for n in range(8)]


def test_what_has_been_open_for_days_is_given_up(lake):
    lake.send(decided(0, 1))
    assert build(lake, now=NOW + GIVEN_UP) == (0, 0)


def test_rows_are_found_by_their_texts_whatever_wrote_them(lake):
    lake.send(decided(0, 1), decided(1, 2, problem="session_purchase"))
    lake.label({"problem": "session_purchase", "row_id": "e1", "offset": 1, "label": 1})
    build(lake)
    found = LakeReader(lake.names).rows(
        "select event_id from gold.decisions where problem = 'session_purchase'"
    )
    assert found == [{"event_id": "d1"}]


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
    assert build(lake) == (0, 5), "the horizon is not over"
    lake.send(order("late", 9_000), click("d", HOUR + LATE + 20.000001))
    assert build(lake) == (3, 2)
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
    assert told(lake, "event_id") == []
