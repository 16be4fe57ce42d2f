"""The live score of a champion against the interval of its validation, by logged decisions."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pipelines.contracts.clock import moment
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.problem import Gates
from pipelines.runtime.decisions.build import build_decisions
from tests.runtime.decisions.log_lake import NOON, LogLake, decided
from training.watching_live import live_alerts

PROBLEM = replace(all_problems()["checkout_purchase"], gates=Gates(least_rows=50, least_positives=10))
GOOD = {"value": 0.9, "low": 0.85, "high": 0.95}


def champion(version=3, judged=GOOD):
    return SimpleNamespace(version=version, average_precision=judged)


@pytest.fixture
def lake(tmp_path):
    return LogLake(tmp_path)


def log(lake, *, rows=60, ranks=False, **changes):
    """Decisions of which each third is followed by the outcome; `ranks`: the model knew."""
    plain = {"wanted_action": "nothing", "is_holdout": False, "propensity": 0.9} | changes
    chance = (lambda n: 0.9 if n % 3 == 0 else 0.1) if ranks else (lambda n: (n * 37 % 60) / 100)
    lake.send(*(decided(n, n / 10, visitor_id=f"v{n}", probability=chance(n), **plain) for n in range(rows)))
    label = {"problem": PROBLEM.name}
    lake.label(*(label | {"row_id": f"e{n}", "offset": n, "label": int(n % 3 == 0)} for n in range(rows)))
    build_decisions(lake.names, [PROBLEM], late_seconds=600, now=moment(NOON) + timedelta(hours=1))
    return lake.names


def test_a_score_off_its_interval_is_an_alert(lake):
    names = log(lake)
    (alert,) = live_alerts(PROBLEM, names, champion(), seed=1)
    assert (alert.kind, alert.subject, alert.bound) == ("score", "live_average_precision", 0.85)
    assert alert.value < 0.7
    assert "worse than at validation: 0.9000" in alert.message
    assert live_alerts(PROBLEM, names, champion(version=4), seed=1) == [], "another version decided"
    assert live_alerts(PROBLEM, names, champion(judged=None), seed=1) == []


def test_one_that_holds_is_none(lake):
    judged = {"value": 0.98, "low": 0.9, "high": 1.0}
    assert live_alerts(PROBLEM, log(lake, ranks=True), champion(judged=judged), seed=1) == []


@pytest.mark.parametrize("changes", [{"rows": 40}, {"action": "reassure", "wanted_action": "reassure"}])
def test_too_few_judged_decisions_say_nothing(lake, changes):
    assert live_alerts(PROBLEM, log(lake, **changes), champion(), seed=1) == []


def test_too_few_outcomes_say_nothing(lake):
    few = replace(PROBLEM, gates=Gates(least_rows=50, least_positives=21))
    assert live_alerts(few, log(lake), champion(), seed=1) == []


def test_a_lake_without_decisions_says_nothing(lake):
    assert live_alerts(PROBLEM, lake.names, champion(), seed=1) == []
