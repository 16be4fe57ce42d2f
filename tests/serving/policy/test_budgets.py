"""Budgets of a day: what is used up is not done, replicas share, and a restart knows what was spent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.action import best
from pipelines.settings.scorer import Budget
from serving.policy import Acted, Policies
from serving.policy.spending import Spending, Spent, Used
from tests.serving.policy.conftest import AT, DAY, PROBLEM, plain, settings

TEN = "budgets.checkout_purchase.discount_now.times=10"


def choose(policies, number=0, *, probability=0.1, at=AT):
    return policies.choose(
        PROBLEM.name, decision_id=f"q{number}", visitor_id=f"v{number}", probability=probability, at=at
    )


def taken(policies, count, **others):
    choices = [choose(policies, one, **others) for one in range(count)]
    return sum(one.action == "discount_now" for one in choices)


def test_a_used_up_action_gives_way_to_the_next_best_until_the_next_day():
    policies = Policies(all_problems(), plain(TEN))
    assert {choose(policies, one).action for one in range(10)} == {"discount_now"}
    others = [one for one in PROBLEM.actions if one.name != "discount_now"]
    second, value = best(others, 0.1, benefit_minor=PROBLEM.worth.benefit_minor)
    choice = choose(policies, 10)
    assert (choice.action, choice.wanted_action, choice.reason) == (second.name, "discount_now", "budget")
    assert (choice.expected_minor, choice.propensity) == (value, 1.0)
    assert choose(policies, 11, probability=0.6).reason == "value"
    assert choose(policies, 12, at=AT + DAY).action == "discount_now"


def test_minor_units_are_those_expected_to_be_spent():
    policies = Policies(all_problems(), plain("budgets.checkout_purchase.discount_now.minor=1000"))
    cost = PROBLEM.action("discount_now").cost(0.1)
    assert taken(policies, 50) == 1000 // cost
    used = policies.used(PROBLEM.name, "discount_now", AT)
    assert used.minor == pytest.approx(cost * used.times)
    assert used.minor <= 1000


def test_a_used_up_action_is_not_tried_either():
    override = "budgets.checkout_purchase.discount_now.times=0"
    policies = Policies(all_problems(), settings("holdout_share=0", "explore_share=0.5", override))
    choices = [choose(policies, one) for one in range(500)]
    told = {one.action: one.propensity for one in choices}
    assert "discount_now" not in told
    assert sum(told.values()) == pytest.approx(1)
    assert {one.reason for one in choices} == {"budget", "explored"}


def test_a_default_has_its_budget_too():
    named = "default_actions.checkout_purchase=discount_now"
    policies = Policies(all_problems(), plain(TEN, named))
    reasons = [choose(policies, one, probability=None).reason for one in range(12)]
    assert reasons == ["default"] * 10 + ["budget"] * 2


def test_replicas_share_a_budget_and_never_exceed_it():
    for partitions in ((2, 2, 2), (3, 3), (4, 1, 1), (6,)):
        replicas = [Policies(all_problems(), plain(TEN)) for _ in partitions]
        for one, owned in zip(replicas, partitions, strict=True):
            one.own(owned / 6)
        spent = [taken(one, 20) for one in replicas]
        assert spent == [10 * owned // 6 for owned in partitions]
        assert sum(spent) <= 10


def test_a_restart_knows_what_was_spent():
    first, second = (Policies(all_problems(), plain(TEN)) for _ in range(2))
    made = [choose(first, one, at=AT + one) for one in range(7)]
    rows = [Acted(f"q{one}", PROBLEM.name, each.action, 0.1, AT + one) for one, each in enumerate(made)]
    choose(second, 100)
    gone = [Acted("x", "no_such", "discount_now", 0.1, AT), Acted("y", PROBLEM.name, "shout", 0.1, AT)]
    second.restore([*rows, *gone], since=AT + 1)
    assert second.used(PROBLEM.name, "discount_now", AT) == first.used(PROBLEM.name, "discount_now", AT)
    assert [choose(second, one).reason for one in range(100, 105)] == ["value"] * 3 + ["budget"] * 2


def test_what_is_not_logged_yet_still_counts_and_nothing_counts_twice():
    policies = Policies(all_problems(), plain(TEN))
    for one in (1, 2, 2, 3):
        choose(policies, one, at=AT + one)
    cost = PROBLEM.action("discount_now").cost(0.1)
    assert policies.used(PROBLEM.name, "discount_now", AT) == (3, pytest.approx(3 * cost))
    logged = [Acted(f"q{one}", PROBLEM.name, "discount_now", 0.1, AT + one) for one in (0, 2)]
    policies.restore(logged, since=AT + 2)
    assert policies.used(PROBLEM.name, "discount_now", AT).times == 3


MOMENTS = st.builds(lambda day, rest: day * DAY + rest, st.integers(0, 3), st.sampled_from([0, DAY - 1]))
SPENDINGS = st.lists(
    st.builds(Spending, st.text(max_size=3), st.sampled_from("ab"), st.floats(0, 100), MOMENTS),
    max_size=30,
    unique_by=lambda one: one.decision_id,
)


@given(rows=SPENDINGS)
def test_what_is_restored_is_what_was_noted_in_any_order(rows):
    noted, restored = Spent({"a": Budget(times=5)}), Spent({"a": Budget(times=5)})
    for one in sorted(rows, key=lambda one: one.at):
        noted.note(one)
    restored.restore(rows, since=0)
    newest = max((one.at // DAY for one in rows if one.action == "a"), default=0)
    for day in range(4):
        counted = [one.cost_minor for one in rows if one.action == "a" and one.at // DAY == day]
        expected = (len(counted), pytest.approx(sum(counted))) if day >= newest - 1 else (0, 0)
        assert noted.used("a", day * DAY) == expected
        assert restored.used("a", day * DAY) == expected
        assert noted.used("b", day * DAY) == Used(0, 0)


@given(times=st.integers(0, 20), minor=st.integers(0, 500), cost=st.floats(0, 100), share=st.floats(0, 1))
def test_no_cap_is_ever_passed(times, minor, cost, share):
    spent = Spent({"a": Budget(times=times, minor=minor)})
    spent.own(share)
    for one in range(30):
        if spent.allows("a", cost_minor=cost, at=AT):
            spent.note(Spending(f"q{one}", "a", cost, AT))
    used = spent.used("a", AT)
    assert used.times <= times * share + 1e-6
    assert used.minor <= minor * share + 1e-6
    assert used.times == 30 or used.times + 1 > times * share or used.minor + cost > minor * share
    assert spent.allows("b", cost_minor=1e9, at=AT)


@pytest.mark.parametrize("key", ["budgets.no_such.reassure.times=3", "default_actions.no_such=reassure"])
def test_a_problem_that_there_is_not_is_refused(key):
    with pytest.raises(SettingsError) as error:
        Policies(all_problems(), settings(key))
    names = ", ".join(all_problems())
    assert str(error.value) == (
        f"`scorer.{key.partition('.')[0]}`: there is no problem `no_such`; the problems are {names}."
    )


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("holdout_share=0.6", "scorer.holdout_share"),
        ("explore_share=-1", "scorer.explore_share"),
        ("budgets.checkout_purchase.reassure.times=-1", "times"),
        ("budgets.checkout_purchase.reassure.tims=1", "tims"),
        ("budgets.checkout_purchase.reassure={}", "a budget needs `times`, `minor` or both"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_sentence(override, said):
    with pytest.raises(SettingsError) as error:
        settings(override)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
