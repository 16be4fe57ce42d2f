"""What actions bring, in simulated shops whose truth is known."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.gold.decisions.uplift import COLUMNS, Estimate, uplift
from pipelines.gold.problems import all_problems
from pipelines.settings import load_settings
from serving.policy.policy import Policy

HELD, TRIED = 0.3, 0.4
ARMS = ("a", "b", "nothing")
TRUTH = {
    "all": {"a": 0.1, "b": 0.0, "nothing": 0.0},
    "wanted": {"a": 0.2, "b": 0.1, "nothing": 0.0},
}
"""Where x is 1, half of the time, `a` adds 0.2 and `b` takes 0.1; elsewhere `b` adds 0.1 and `a` nothing."""


def shop(seed: int, *, visitors: int = 500, held: float = HELD) -> pa.Table:
    """Decisions, several a visitor, whose outcomes go together; wanted is what helps, in a tenth nothing."""
    chance = np.random.default_rng(seed)
    whose = np.repeat(np.arange(visitors), chance.integers(1, 6, visitors))
    number = len(whose)
    x = chance.random(number) < 0.5
    wanted = np.where(chance.random(number) < 0.1, "nothing", np.where(x, "a", "b"))
    is_held = (chance.random(visitors) < held)[whose]
    is_tried = chance.random(number) < TRIED
    drawn = np.array(ARMS)[chance.integers(0, len(ARMS), number)]
    action = np.where(is_held, "nothing", np.where(is_tried, drawn, wanted))
    chosen = (1 - held) * (TRIED / len(ARMS) + (1 - TRIED) * (action == wanted))
    effect = np.where(x, 0.2 * (action == "a") - 0.1 * (action == "b"), 0.1 * (action == "b"))
    inclined = np.clip(0.35 + 0.15 * chance.normal(size=visitors), 0.1, 0.7)[whose]
    outcome = (chance.random(number) < np.clip(inclined + effect, 0, 1)).astype(np.int64)
    columns = [
        [f"v{one}" for one in whose],
        action,
        wanted,
        is_held,
        np.where(is_held, held, chosen),
        outcome,
        1_000 * outcome - 50 * (action != "nothing"),
    ]
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


@pytest.mark.parametrize("among", ["all", "wanted"])
def test_intervals_hold_the_truth_as_often_as_they_say(among):
    holds, values = {one: [] for one in ARMS}, {one: [] for one in ARMS}
    for seed in range(200):
        for one in uplift(shop(seed), among=among, rounds=150, seed=seed):
            holds[one.action].append(one.rate.low <= TRUTH[among][one.action] <= one.rate.high)
            values[one.action].append(one.rate.value)
    for action, truth in TRUTH[among].items():
        assert len(holds[action]) == 200
        assert 0.90 <= np.mean(holds[action]) <= 0.99, action
        assert np.mean(values[action]) == pytest.approx(truth, abs=0.015), action


def test_money_is_told_less_the_costs():
    found = {one.action: one for one in uplift(shop(1, visitors=20_000), among="wanted", rounds=200)}
    assert found["a"].minor.value == pytest.approx(1_000 * found["a"].rate.value - 50)
    assert found["nothing"].minor.value == pytest.approx(1_000 * found["nothing"].rate.value)
    for one in found.values():
        assert one.minor.low < one.minor.value < one.minor.high
        assert one.rate.value == pytest.approx(one.acted_rate - one.held_out_rate)


def test_rows_of_one_weight_count_in_full_and_of_many_weights_less():
    wanted = {one.action: one for one in uplift(shop(2), among="wanted", rounds=200)}
    over_all = {one.action: one for one in uplift(shop(2), among="all", rounds=200)}
    assert wanted["a"].acted_effective == pytest.approx(wanted["a"].acted)
    assert over_all["a"].acted_effective < 0.8 * over_all["a"].acted
    assert over_all["a"].acted > wanted["a"].acted
    assert over_all["a"].held_out == over_all["b"].held_out > wanted["a"].held_out
    acted = sum(one.acted for one in over_all.values())
    assert acted + over_all["a"].held_out == shop(2).num_rows


def test_days_of_different_holdouts_go_together():
    """A day on which everybody buys and most are held out must not make the holdout look better."""
    quiet, busy = shop(3, visitors=8_000, held=0.1), shop(4, visitors=8_000, held=0.8)
    bought = pa.array(np.ones(busy.num_rows, np.int64))
    names = pa.array([f"w{one}" for one in busy["visitor_id"].to_pylist()])
    busy = busy.set_column(COLUMNS.index("outcome"), "outcome", bought).set_column(0, "visitor_id", names)
    both = {one.action: one for one in uplift(pa.concat_tables([quiet, busy]), among="all", rounds=200)}
    assert both["a"].rate.low <= TRUTH["all"]["a"] / 2 <= both["a"].rate.high
    assert both["nothing"].rate.value == pytest.approx(0, abs=0.03)


def test_a_visitor_counts_once_however_often_it_is_asked_about():
    rows = shop(5, visitors=300)
    tenfold = pa.concat_tables([rows] * 10)
    once, often = (uplift(one, among="all", rounds=400) for one in (rows, tenfold))
    assert [one.rate for one in once] == [pytest.approx(one.rate) for one in often]


def test_the_same_seed_tells_the_same_and_the_level_widens():
    rows = shop(6)
    assert uplift(rows, among="all", rounds=200) == uplift(rows, among="all", rounds=200)
    wide, narrow = (uplift(rows, among="all", rounds=400, level=one)[0].rate for one in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_what_is_not_known_is_not_told():
    rows = shop(7)
    acted = rows.filter(pa.compute.invert(rows["is_holdout"]))
    alone = uplift(acted, among="wanted", rounds=200)
    assert {one.action for one in alone} == set(ARMS)
    assert {(one.held_out, one.held_out_rate, one.rate) for one in alone} == {
        (0, None, Estimate(None, None, None))
    }
    two = pa.concat_tables([acted.slice(0, 50), rows.filter(rows["is_holdout"]).slice(0, 1)])
    assert {(one.rate.low, one.rate.high) for one in uplift(two, among="all")} == {(None, None)}
    assert uplift(rows.slice(0, 0), among="all") == []


def test_rows_without_a_propensity_do_not_count():
    rows = shop(8)
    odd = rows.slice(0, 40).set_column(4, "propensity", pa.array([None, 0.0] * 20, pa.float64()))
    assert uplift(pa.concat_tables([rows, odd]), among="all", rounds=100) == uplift(
        rows, among="all", rounds=100
    )


def test_what_needs_an_account_is_compared_among_those_who_have_one():
    """Shoppers without an account, who get no `b`, always buy: they must not make the holdout look better."""
    able, unable = shop(10, visitors=4_000), shop(11, visitors=4_000)
    got = unable["action"].to_pylist()
    unable = unable.set_column(0, "visitor_id", pa.array([f"w{one}" for one in range(len(got))]))
    unable = unable.set_column(5, "outcome", pa.array(np.ones(len(got), np.int64)))
    unable = unable.set_column(1, "action", pa.array(["nothing" if one == "b" else one for one in got]))
    rows = pa.concat_tables([able, unable])
    has_account = [True] * able.num_rows + [False] * unable.num_rows
    rows = rows.append_column("has_account", pa.array(has_account))
    blind, seeing = (
        {one.action: one for one in uplift(rows, among="all", needs_account=needs, rounds=200)}
        for needs in ((), ("b",))
    )
    assert blind["b"].rate.high < TRUTH["all"]["b"]
    assert seeing["b"].rate.low <= TRUTH["all"]["b"] <= seeing["b"].rate.high
    assert seeing["a"] == blind["a"]


def test_choices_of_a_policy_are_judged_without_bias():
    """The propensities that a policy logs are those that the estimate needs."""
    problem = replace(all_problems()["checkout_purchase"], name="simulated")
    names = ["scorer.holdout_share=0.3", "scorer.explore_share=0.5"]
    policy = Policy(problem, load_settings(overrides=names, environ={}).scorer)
    chance, spent, rows = np.random.default_rng(9), policy.spent(), []
    number = 20_000
    for one, p in enumerate(np.round(chance.random(number), 2).tolist()):
        choice = policy.choose(f"q{one}", f"v{one}", p, at=0, spent=spent)
        bought = int(chance.random() < problem.action(choice.action).lifted(p))
        told = (choice.action, choice.wanted_action, choice.is_holdout, choice.propensity)
        rows.append((f"v{one}", *told, bought, 1_000 * bought))
    table = pa.table(dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
    grid = np.linspace(0, 1, 1_001)
    for one in uplift(table, among="all", rounds=200, level=0.999):
        action = problem.action(one.action)
        truth = float(np.mean([action.lifted(p) - p for p in grid]))
        assert one.rate.low <= truth <= one.rate.high, one.action
