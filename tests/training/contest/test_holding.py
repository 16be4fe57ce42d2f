"""Contests on a real registry: who wins, who stays, and what is written down."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.contracts.contests import CONTESTS
from pipelines.contracts.model_registry import CHAMPION
from pipelines.errors import ServiceError
from pipelines.gold.problems import all_problems
from tests.training.made_examples import made
from training.contest import holding
from training.contest.blocks import Cut, next_block
from training.contest.holding import Contests, Rules
from training.estimators import all_estimators
from training.tracking.server import Server

SIZE = 1_200
RULES = Rules(level=0.05, budget=2, rounds=400, keep_versions=20, seed=3)
KINDS = ("dummy", "logistic", "naive_bayes")


@pytest.fixture(autouse=True)
def few_kinds(monkeypatch):
    kinds = {name: all_estimators()[name] for name in KINDS}
    monkeypatch.setattr(holding, "all_estimators", lambda: kinds)


@pytest.fixture
def contests(server, registry):
    problem = all_problems()["checkout_purchase"]
    return Contests(problem, server=server, registry=registry, rules=RULES, progress=lambda *_: None)


def blocks(count, examples):
    since, found = None, []
    for _ in range(count):
        found.append(next_block(examples, Cut(SIZE, since, SIZE, 0)))
        since = found[-1].until
    return found


def outcomes(held):
    return {row["contestant"]: row["outcome"] for row in held.rows}


def test_the_first_contest_makes_a_champion_and_the_next_one_finds_none_better(contests, registry):
    first, second = blocks(2, made(3 * SIZE, seed=1))
    held = contests.hold(first, examples_version=4, reason="block")
    winner = held.ruling.winner
    assert winner == "logistic"
    assert outcomes(held)["dummy"] != "promoted"
    champion = registry.champion("checkout_purchase")
    assert champion.version == held.versions["logistic"]
    assert [set(row) for row in held.rows] == [set(CONTESTS.column_names)] * len(KINDS)
    again = contests.hold(second, examples_version=5, reason="block")
    assert again.ruling.winner is None
    assert outcomes(again)[f"logistic v{champion.version}"] == "defended"
    assert registry.champion("checkout_purchase").version == champion.version
    story = registry.why("checkout_purchase")
    assert story.born["winner"] == "logistic"
    assert CHAMPION in story.model.aliases


def test_a_feature_made_with_the_outcomes_help_stops_every_challenger(contests, registry):
    honest = made(3 * SIZE, seed=1)
    values = honest.values.copy()
    values[:, 5] = honest.labels + np.random.default_rng(0).normal(size=len(honest)) * 0.05
    (block,) = blocks(1, replace(honest, values=values))
    held = contests.hold(block, examples_version=4, reason="block")
    assert set(outcomes(held).values()) == {"failed"}
    assert all("noise alone tells the outcome" in row["why"] for row in held.rows)
    assert registry.champion("checkout_purchase") is None


def test_a_block_without_outcomes_moves_nobody(contests, registry):
    first, second = blocks(2, made(3 * SIZE, seed=1))
    contests.hold(first, examples_version=4, reason="block")
    before = registry.champion("checkout_purchase").version
    quiet = second.split.validation
    barren = replace(quiet, labels=np.zeros(len(quiet), np.int64))
    held = contests.hold(
        replace(second, split=replace(second.split, validation=barren)), examples_version=5, reason="block"
    )
    assert held.ruling.winner is None
    assert "nothing can be told apart" in held.ruling.reason
    assert registry.champion("checkout_purchase").version == before


def test_without_mlflow_nothing_is_fitted(contests, registry, monkeypatch, tmp_path):
    away = Contests(
        all_problems()["checkout_purchase"],
        server=Server("http://127.0.0.1:9"),
        registry=type(registry)(Server("http://127.0.0.1:9"), lock=tmp_path / "lock"),
        rules=RULES,
        progress=lambda *_: pytest.fail("something was fitted"),
    )
    (block,) = blocks(1, made(2 * SIZE, seed=1))
    with pytest.raises(ServiceError, match="champion stays"):
        away.hold(block, examples_version=1, reason="block")
