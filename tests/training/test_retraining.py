"""Contest after contest from the lake's examples, what they leave behind, and what reopens them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect, migrate
from pipelines.errors import LakeError
from pipelines.gold.problems import all_problems
from pipelines.runtime.contests import last_judged, learnt_until
from pipelines.settings import load_settings
from tests.training.lake_examples import START, add_examples
from tests.training.tracking.conftest import migrated, registry, server
from training import watching
from training.backtest import backtest, compared, seen_share
from training.contest import holding
from training.contest.field import registered
from training.contest.holding import Held
from training.dataset import read_dataset
from training.estimators import all_estimators
from training.rebuilding import rebuilt
from training.retraining import Site, Waits, retrain
from training.watching import watch

pytestmark = pytest.mark.services
__all__ = ["migrated", "registry", "server"]
PROBLEM = replace(all_problems()["checkout_purchase"], horizon_seconds=60, sets=("twin",))
SIZE = 600


@pytest.fixture
def site(server, database, tmp_path, monkeypatch):
    kinds = {name: all_estimators()[name] for name in ("dummy", "logistic")}
    monkeypatch.setattr(holding, "all_estimators", lambda: kinds)
    with connect(database) as connection:
        migrate(connection)
    settings = load_settings(overrides=[f"var_dir={tmp_path}"])
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    models = settings.models
    rules = type(models)(
        **{name: getattr(models, name) for name in models.__struct_fields__}
        | {"block_decisions": SIZE, "budget_trials": 2, "bootstrap_rounds": 300}
    )
    return Site(names, database, server.uri, rules, 5)


def contests(site, **how):
    asked = {"most": 9, "reason": "block", "progress": lambda *_: None} | how
    return list(retrain(PROBLEM, site, **asked))


def rows_of(database, statement):
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_every_whole_block_is_judged_by_once(site, registry, database):
    assert contests(site) == [Waits(2 * SIZE, there=0)]
    add_examples(site.names, PROBLEM, first=0, count=2 * SIZE + 200)
    first, waits = contests(site)
    assert first.ruling.winner == "logistic"
    assert waits == Waits(SIZE - 200, there=2 * SIZE + 200)
    assert contests(site) == [waits]
    assert rows_of(database, "delete from models.contests returning 1")  # as if Postgres had been away
    add_examples(site.names, PROBLEM, first=2 * SIZE + 200, count=SIZE)
    second, waits = contests(site)
    assert isinstance(second, Held)
    assert waits == Waits(SIZE - 200, there=3 * SIZE + 200)
    assert last_judged(site.names, PROBLEM.name).row_id == f"e{3 * SIZE - 1:06d}"
    noted = rows_of(
        database, "select contest_id, contestant, outcome from models.contests order by held_at, 2"
    )
    assert next(row[2] for row in noted if row[1] == "logistic") == "promoted"
    assert {row[0] for row in noted} == {first.contest_id, second.contest_id}


def test_for_an_alert_what_has_come_is_enough(site):
    add_examples(site.names, PROBLEM, first=0, count=2 * SIZE + 550)
    contests(site)
    held, waits = contests(site, reason="alert")
    assert held.ruling.block["rows"] == 550
    assert isinstance(waits, Waits)


def test_the_rows_of_a_contest_are_had_again_bit_for_bit(site, registry):
    add_examples(site.names, PROBLEM, first=0, count=2 * SIZE)
    contests(site)
    add_examples(site.names, PROBLEM, first=2 * SIZE, count=500)
    data = registry.data(PROBLEM.name)
    assert len(rebuilt(site.names, PROBLEM, data).split.validation) == SIZE
    with pytest.raises(LakeError, match="gives other rows for training"):
        rebuilt(site.names, PROBLEM, data | {"training": {"digest": "0" * 64}})
    with pytest.raises(LakeError, match="any more"):
        rebuilt(site.names, PROBLEM, data | {"cut": data["cut"] | {"size": 5 * SIZE}})


def test_a_champion_whose_world_has_moved_raises_alerts_that_clear(site, database):
    now = START + timedelta(days=3)
    add_examples(site.names, PROBLEM, first=0, count=2 * SIZE)
    contests(site)
    add_examples(site.names, PROBLEM, first=2 * SIZE, count=SIZE, shift=1.5)
    found = watch(PROBLEM, site, now=now)
    kinds = {one.kind for one in found.alerts}
    assert "drift" in kinds
    assert found.rows == SIZE
    contests(site, reason="alert")
    calm = watch(PROBLEM, site, now=now + timedelta(seconds=1))
    assert calm.alerts == []
    assert calm.cleared == len(found.alerts)
    assert rows_of(database, "select count(*) from models.alerts where cleared_at is null") == [(0,)]
    late = watch(PROBLEM, site, now=now + timedelta(days=30))
    assert [one.kind for one in late.alerts] == ["staleness"]


def test_without_champion_or_later_decisions_there_is_nothing_to_watch(site):
    assert watch(PROBLEM, site, now=datetime.now(UTC)) is None
    add_examples(site.names, PROBLEM, first=0, count=2 * SIZE)
    contests(site)
    assert watch(PROBLEM, site, now=START + timedelta(days=2)).alerts == []


def test_a_champion_whose_file_was_changed_raises_an_alert(site, monkeypatch):
    add_examples(site.names, PROBLEM, first=0, count=2 * SIZE)
    contests(site)
    monkeypatch.setattr(
        watching, "registered", lambda *_: watching.Absent("logistic v1", "its file is not the one")
    )
    (alert,) = watch(PROBLEM, site, now=START).alerts
    assert (alert.kind, alert.message) == ("artefact", "its file is not the one")


def test_a_backtest_says_what_would_have_been_decided(site, registry):
    add_examples(site.names, PROBLEM, first=0, count=3 * SIZE)
    contests(site, most=1)
    examples = read_dataset(
        site.names, PROBLEM, since=int((START + timedelta(minutes=500)).timestamp() * 1e6)
    )
    assert len(examples.examples) == 3 * SIZE - 500
    first, dummy = (
        registered(registry.model(PROBLEM.name, version), registry.load)
        for version in sorted(one.version for one in registry.models(PROBLEM.name))
    )
    until = learnt_until(site.names, PROBLEM.name, first.version)
    found = [
        backtest(examples.examples, one, worth=PROBLEM.worth, learnt_until=until, seed=1)
        for one in (first, dummy)
    ]
    better = max(found, key=lambda one: one.evaluation.metrics["average_precision"].value)
    worse = min(found, key=lambda one: one.evaluation.metrics["average_precision"].value)
    beside = compared(examples.examples, better, worse, worth=PROBLEM.worth, seed=1)
    assert beside.gain_minor == pytest.approx(better.gain_minor - worse.gain_minor)
    assert beside.low < beside.gain_minor < beside.high
    assert beside.p < 0.01
    assert seen_share(examples.examples, until) == pytest.approx((SIZE - 501) / (3 * SIZE - 500), abs=3e-3)
    acted = better.probabilities >= better.entry.threshold
    gain = sum(
        PROBLEM.worth.benefit_minor * label - PROBLEM.worth.cost_minor
        for label in examples.examples.labels[acted]
    )
    assert better.gain_minor == gain
