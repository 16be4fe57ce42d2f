"""Figures of decisions on a real Postgres: counted anew where something came, blocks that stay."""

from datetime import timedelta

import pytest

from pipelines.connectors.postgres import connect
from pipelines.contracts.clock import moment
from pipelines.gold.problems import all_problems
from pipelines.runtime.decisions.build import build_decisions
from pipelines.runtime.decisions.figures import KEPT_DAYS, publish_figures
from tests.runtime.decisions.log_lake import NOON, LogLake, click, decided

pytestmark = pytest.mark.services
PROBLEMS = list(all_problems().values())
NOW = moment(NOON) + timedelta(hours=1)


@pytest.fixture
def lake(tmp_path):
    return LogLake(tmp_path)


@pytest.fixture
def figures(lake, database):
    """Builds and publishes; then what a table holds."""

    def run(*, now=NOW, again=1):
        for _ in range(again):
            build_decisions(lake.names, PROBLEMS, late_seconds=600, now=now)
            publish_figures(lake.names, database, PROBLEMS, block=2, now=now)

    return run


@pytest.fixture
def asked(database):
    def ask(statement):
        with connect(database) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    return ask


MINUTES = (
    "select extract(minute from minute)::int, problem, model_version, action, decisions, held_out, stale"
)
FROM = " from decisions.minutes order by minute, action"


def test_minutes_are_those_of_the_lake_however_often_it_is_run(lake, figures, asked):
    lake.send(
        decided(0, 1),
        decided(1, 2, action="reassure", is_holdout=False, stale='[["kafka",1]]'),
        decided(2, 70),
    )
    figures(again=2)
    same = ("checkout_purchase", 3)
    assert asked(MINUTES + FROM) == [
        (0, *same, "nothing", 1, 1, 0),
        (0, *same, "reassure", 1, 0, 1),
        (1, *same, "nothing", 1, 1, 0),
    ]
    lake.send(decided(3, 3))
    figures()
    assert asked(MINUTES + FROM)[0] == (0, *same, "nothing", 2, 2, 0)
    told = asked("select measure, bound_ms, sum(decisions) from decisions.latencies group by 1, 2 order by 1")
    assert told == [("ingested", 3, 4), ("published", 4, 4)]
    figures(now=NOW + timedelta(days=KEPT_DAYS))
    assert asked("select count(*) from decisions.minutes") == [(0,)]


def test_blocks_stay_and_are_judged_anew_until_nothing_in_them_is_open(lake, figures, asked):
    lake.send(*(decided(n, n) for n in range(5)), click("c", 1))
    figures(again=2)
    blocks = (
        "select number, decisions, still_open, jsonb_array_length(scores) from decisions.blocks order by 1"
    )
    bounds = "select number, from_at, until_at from decisions.blocks order by 1"
    assert asked(blocks) == [(1, 2, 2, 0), (2, 2, 2, 0)]
    before = asked(bounds)
    label = {"problem": "checkout_purchase"}
    lake.label(*(label | {"row_id": f"e{n}", "offset": n, "label": n % 2} for n in range(3)))
    lake.send(decided(9, 2.5, event_id="late", about_offset=77))
    figures(again=2)
    assert asked(blocks) == [(1, 2, 0, 1), (2, 3, 2, 1)]
    assert asked(bounds) == before
    scores = "select number, model_version, is_champion, judged, positives, accuracy"
    scores += " from dashboard.decision_scores"
    assert asked(scores + " order by number") == [(1, 3, True, 2, 1, 0.5), (2, 3, True, 1, 0, 1.0)]


def test_uplift_is_told_for_what_was_drawn(lake, figures, asked):
    drawn = {"wanted_action": "reassure", "propensity": 0.5}
    lake.send(
        *(
            decided(
                n,
                n,
                visitor_id=f"v{n}",
                action="nothing" if n % 2 else "reassure",
                reason="holdout" if n % 2 else "value",
                is_holdout=bool(n % 2),
                **drawn,
            )
            for n in range(40)
        ),
        decided(40, 50, reason="default", action="reassure", is_holdout=False),
    )
    label = {"problem": "checkout_purchase"}
    lake.label(*(label | {"row_id": f"e{n}", "offset": n, "label": int(n % 4 == 0)} for n in range(41)))
    figures()
    found = asked(
        "select action, among, acted, held_out, rate, rate_low <= rate, minor from decisions.uplift"
    )
    (both,) = {row[2:] for row in found if row[0] == "reassure"}
    assert both[:4] == (20, 20, 0.5, True)
    assert both[4] == pytest.approx(0.5 * 1_500 - 3)
