"""One problem's policy: the best action, the holdout, trials, and the propensity of what happened."""

import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.topics.decisions import REASONS
from pipelines.errors import SettingsError
from pipelines.gold.problems.action import best
from serving.policy.policy import Policy
from tests.serving.policy.conftest import AT, DAY, NAMES, PROBLEM, plain, settings

PROBABILITIES = st.none() | st.floats(0, 1)
IDS = st.text(max_size=20)
SHARES = st.sampled_from([0, 0.02, 0.5])


def choose(policy, question="q", visitor="v", probability=0.1, *, spent=None, at=AT, has_account=True):
    spent = policy.spent() if spent is None else spent
    return policy.choose(question, visitor, probability, at=at, spent=spent, has_account=has_account)


@given(probability=st.floats(0, 1))
def test_without_chance_it_is_what_is_worth_most(probability):
    choice = choose(Policy(PROBLEM, plain()), probability=probability)
    action, value = best(PROBLEM.actions, probability, benefit_minor=PROBLEM.worth.benefit_minor)
    assert (choice.action, choice.wanted_action, choice.reason) == (action.name, action.name, "value")
    assert (choice.expected_minor, choice.propensity, choice.is_holdout) == (value, 1.0, False)
    assert (choice.products, choice.after_seconds) == (action.products, action.after_seconds)


@given(question=IDS, visitor=IDS, probability=PROBABILITIES, held=SHARES, tried=SHARES, account=st.booleans())
def test_the_same_question_gets_the_same_choice(question, visitor, probability, held, tried, account):
    one, other = (
        Policy(PROBLEM, settings(f"holdout_share={held}", f"explore_share={tried}")) for _ in range(2)
    )
    choice = choose(one, question, visitor, probability, has_account=account)
    assert choice == choose(other, question, visitor, probability, at=AT + DAY, has_account=account)
    assert choice.reason in REASONS
    assert 0 < choice.propensity <= 1
    assert choice.is_holdout == (choice.reason == "holdout")
    assert not choice.is_holdout or choice.action == "nothing"


def test_the_holdout_is_a_share_of_visitors_and_stays():
    policy = Policy(PROBLEM, settings())
    choices = {one: choose(policy, f"q{one}", f"v{one}") for one in range(20_000)}
    held = [one for one, choice in choices.items() if choice.is_holdout]
    assert 0.045 < len(held) / len(choices) < 0.055
    for one in held[:50]:
        assert {choose(policy, f"other{n}", f"v{one}", n / 10).reason for n in range(11)} == {"holdout"}
    told = {
        (one.action, one.wanted_action, one.propensity, one.expected_minor)
        for one in (choices[each] for each in held)
    }
    assert told == {("nothing", "discount_now", 0.05, 0.0)}


def test_problems_and_salts_draw_their_own_holdout():
    def held(problem, *overrides):
        policy = Policy(problem, settings("holdout_share=0.5", *overrides))
        return {one for one in range(400) if choose(policy, "q", f"v{one}").is_holdout}

    one = held(PROBLEM)
    for other in (held(replace(PROBLEM, name="another")), held(PROBLEM, "policy_salt=pepper")):
        assert 50 < len(one & other) < 150


def test_trials_are_as_likely_as_their_propensity_says():
    policy = Policy(PROBLEM, settings("holdout_share=0.25", "explore_share=0.3"))
    number = 40_000
    choices = [choose(policy, f"{one}", f"{one}") for one in range(number)]
    arms = Counter((one.is_holdout, one.action) for one in choices)
    told = {(one.is_holdout, one.action): one.propensity for one in choices}
    assert set(told) == {(True, "nothing"), *((False, name) for name in NAMES)}
    assert sum(told.values()) == pytest.approx(1)
    for arm, propensity in told.items():
        assert arms[arm] / number == pytest.approx(propensity, abs=4 * (propensity / number) ** 0.5)
    reasons = Counter(one.reason for one in choices)
    assert reasons["explored"] / number == pytest.approx(0.75 * 0.3, abs=0.01)
    assert {one.wanted_action for one in choices} == {"discount_now"}


def test_each_arm_weighted_by_its_propensity_stands_for_all():
    policy = Policy(PROBLEM, settings("holdout_share=0.2", "explore_share=0.5"))
    weights = Counter()
    number = 20_000
    for one in range(number):
        choice = choose(policy, f"q{one}", f"v{one}", (one % 100) / 100)
        weights["holdout" if choice.is_holdout else choice.action] += 1 / choice.propensity
    assert {arm: weight / number for arm, weight in weights.items()} == pytest.approx(
        dict.fromkeys(("holdout", *NAMES), 1.0), abs=0.1
    )


def test_without_an_account_nothing_that_needs_one_is_done():
    policy = Policy(PROBLEM, settings("holdout_share=0", "explore_share=0.5"))
    assert choose(policy, probability=0.02).wanted_action == "email_later"
    choices = [choose(policy, f"q{one}", probability=0.02, has_account=False) for one in range(500)]
    assert "email_later" not in {one.action for one in choices} | {one.wanted_action for one in choices}
    told = {one.action: one.propensity for one in choices}
    assert sum(told.values()) == pytest.approx(1)


@pytest.mark.parametrize("visitor", range(20))
def test_without_a_model_the_default_is_done_and_said(visitor):
    choice = choose(Policy(PROBLEM, settings("holdout_share=0.5")), visitor=f"v{visitor}", probability=None)
    assert choice[:6] == ("nothing", "nothing", "default", 1.0, None, False)


def test_a_default_that_does_something_keeps_the_holdout():
    policy = Policy(PROBLEM, settings("holdout_share=0.5", "default_actions.checkout_purchase=email_later"))
    told = {choose(policy, "q", f"v{one}", None)[:6] for one in range(50)}
    assert told == {
        ("email_later", "email_later", "default", 0.5, None, False),
        ("nothing", "email_later", "holdout", 0.5, None, True),
    }
    assert choose(policy, probability=None, has_account=False)[:4] == ("nothing", "nothing", "default", 1.0)


def test_the_hash_names_all_that_decides():
    other = replace(PROBLEM.actions[0], lift=0.5)
    policies = [
        Policy(PROBLEM, settings()),
        Policy(replace(PROBLEM, actions=(other, *PROBLEM.actions[1:])), settings()),
        Policy(replace(PROBLEM, worth=replace(PROBLEM.worth, benefit_minor=2_000)), settings()),
        Policy(PROBLEM, settings("holdout_share=0.1")),
        Policy(PROBLEM, settings("explore_share=0.1")),
        Policy(PROBLEM, settings("policy_salt=pepper")),
        Policy(PROBLEM, settings("default_actions.checkout_purchase=reassure")),
        Policy(PROBLEM, settings("budgets.checkout_purchase.reassure.times=3")),
    ]
    assert len({one.hash for one in policies}) == len(policies)
    assert Policy(PROBLEM, settings("shadows=1")).hash == policies[0].hash == choose(policies[0]).policy
    assert len(policies[0].hash) == 12


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("default_actions.checkout_purchase=shout", "scorer.default_actions.checkout_purchase"),
        ("budgets.checkout_purchase.shout.times=3", "scorer.budgets.checkout_purchase"),
    ],
)
def test_an_action_that_there_is_not_is_refused(override, key):
    with pytest.raises(SettingsError) as error:
        Policy(PROBLEM, settings(override))
    assert str(error.value) == (
        f"`{key}`: checkout_purchase has no action `shout`; its actions are {', '.join(NAMES)}."
    )


def test_a_choice_takes_microseconds():
    """5 us on an idle core; other processes may share it."""
    policy = Policy(PROBLEM, settings("explore_share=0"))
    spent, rounds = policy.spent(), []
    for _ in range(50):
        began = time.perf_counter()
        for one in range(100):
            policy.choose("q", "v", one / 100, at=AT, spent=spent)
        rounds.append((time.perf_counter() - began) / 100)
    assert min(rounds) <= 20e-6
