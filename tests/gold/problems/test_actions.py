"""What is done along the probabilities, and the properties of the effect that is behind it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.action import NOTHING, Action, bands, best, require_distinct

PROBABILITIES = st.floats(0, 1)
LIFTS = st.floats(-0.9, 5)
MINOR = st.integers(-500, 500)

BANDS = {
    "checkout_purchase": [
        (0.0, "nothing"),
        (0.009, "email_later"),
        (0.028, "discount_now"),
        (0.156, "alternatives"),
        (0.452, "reassure"),
        (0.72, "complementary_product"),
    ],
    "product_purchase": [
        (0.0, "nothing"),
        (0.013, "email_later"),
        (0.033, "discount_now"),
        (0.214, "reassure"),
        (0.71, "complementary_product"),
    ],
    "session_purchase": [
        (0.0, "nothing"),
        (0.013, "email_later"),
        (0.041, "discount_now"),
        (0.111, "alternatives"),
        (0.434, "reassure"),
        (0.72, "complementary_product"),
    ],
}


def of(actions, benefit_minor=1_000):
    return [(one.low, one.action.name) for one in bands(actions, benefit_minor=benefit_minor)]


@pytest.mark.parametrize("name", BANDS)
def test_from_lost_to_sure(name):
    problem = all_problems()[name]
    assert of(problem.actions, problem.worth.benefit_minor) == BANDS[name]


def test_every_problem_has_pinned_bands():
    assert set(BANDS) == set(all_problems())


def test_bands_cover_all_probabilities_without_a_gap():
    problem = all_problems()["checkout_purchase"]
    found = bands(problem.actions, benefit_minor=problem.worth.benefit_minor)
    assert (found[0].low, found[-1].high) == (0.0, 1.0)
    assert [one.high for one in found[:-1]] == [one.low for one in found[1:]]


@pytest.mark.parametrize("problem", all_problems().values(), ids=lambda one: one.name)
def test_what_names_products_and_what_comes_later(problem):
    named = {one.name: one.products for one in problem.actions if one.products}
    assert named.get("complementary_product") == "complements"
    assert named.get("alternatives", "alternatives") == "alternatives"
    later = problem.action("email_later")
    assert later.needs_account
    assert later.after_seconds >= 3_600
    assert problem.action("nothing") is NOTHING
    assert problem.action("no_such") is None


@given(probability=st.floats(0.001, 0.999), lift=LIFTS)
def test_an_action_multiplies_the_odds(probability, lift):
    after = Action("a", "", lift=lift).lifted(probability)
    odds = probability / (1 - probability)
    assert after / (1 - after) == pytest.approx(odds * (1 + lift), rel=1e-6)


@given(probability=PROBABILITIES, lift=LIFTS)
def test_a_lifted_probability_is_one(probability, lift):
    after = Action("a", "", lift=lift).lifted(probability)
    assert 0 <= after <= 1 + 1e-12
    assert (after - probability) * lift >= -1e-12
    slope = lift * probability * (1 - probability) / (1 + lift * probability)
    assert after - probability == pytest.approx(slope, abs=1e-12)


def test_the_undecided_move_most_and_the_sure_and_the_lost_do_not():
    action = Action("a", "", lift=0.1)
    moves = [action.lifted(step / 100) - step / 100 for step in range(101)]
    assert moves[0] == 0
    assert moves[100] == pytest.approx(0)
    assert 45 <= moves.index(max(moves)) <= 50


@given(probability=PROBABILITIES, lift=LIFTS, cost=st.integers(0, 500), if_bought=MINOR)
def test_the_value_is_the_gain_less_both_costs(probability, lift, cost, if_bought):
    action = Action("a", "", lift=lift, cost_minor=cost, cost_if_bought_minor=if_bought)
    after = action.lifted(probability)
    gain = 1_000 * after - cost - if_bought * after - 1_000 * probability
    assert action.value(probability, benefit_minor=1_000) == pytest.approx(gain, abs=1e-9)
    assert NOTHING.value(probability, benefit_minor=1_000) == 0


ACTIONS = st.lists(
    st.builds(Action, st.text("abcdef", min_size=1), st.just(""), st.integers(0, 50), MINOR, LIFTS),
    max_size=6,
    unique_by=lambda one: one.name,
)


@given(actions=ACTIONS, probability=PROBABILITIES, data=st.data())
def test_nothing_is_worth_more_than_the_best_whatever_their_order(actions, probability, data):
    chosen, value = best(actions, probability, benefit_minor=1_000)
    shuffled = data.draw(st.permutations(actions))
    assert best(shuffled, probability, benefit_minor=1_000) == (chosen, value)
    assert value == max([0.0, *(one.value(probability, benefit_minor=1_000) for one in actions)])
    assert (chosen is NOTHING) == (value == 0)


@given(name=st.sampled_from(["a", "z"]), probability=st.floats(0.1, 0.9))
def test_ties_go_by_name(name, probability):
    actions = [Action(name, "", lift=0.5), Action("m", "", lift=0.5)]
    assert best(actions, probability, benefit_minor=1_000)[0].name == min(name, "m")


@given(probability=PROBABILITIES, if_bought=st.integers(0, 500), lift=LIFTS)
def test_the_expected_cost_is_at_most_that_of_an_outcome(probability, if_bought, lift):
    action = Action("a", "", cost_minor=5, cost_if_bought_minor=if_bought, lift=lift)
    assert 5 <= action.cost(probability) <= action.cost(None) + 1e-9
    assert action.cost(None) == 5 + if_bought
    assert Action("a", "", cost_if_bought_minor=-if_bought).cost(probability) == 0


@pytest.mark.parametrize("names", [("nothing",), ("a", "a")])
def test_two_actions_of_one_name_are_refused(names):
    with pytest.raises(SettingsError, match=f"more than one action is called `{names[0]}`"):
        require_distinct([Action(one, "") for one in names])


@pytest.mark.parametrize("wrong", [{"lift": -1.0}, {"cost_minor": -1}, {"lift": math.nan}])
def test_an_action_that_cannot_be_is_refused(wrong):
    with pytest.raises(SettingsError, match="action `a`"):
        Action("a", "", **wrong)


def test_a_sure_buyer_is_given_no_discount():
    sure = [0.8, 0.9, 0.99, 1.0]
    for problem in all_problems().values():
        discount = problem.action("discount_now")
        assert all(discount.value(one, benefit_minor=problem.worth.benefit_minor) < 0 for one in sure)
