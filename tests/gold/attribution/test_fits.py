"""How a fit credits one order, and what its version tells."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution.fits import Fit, credit
from pipelines.gold.attribution.fitted.markov import markov
from pipelines.gold.attribution.fitted.shapley import shapley
from pipelines.gold.attribution.path_counts import counted
from tests.gold.attribution.paths import path

ROWS = [(("a", "b"), 3, 1, 900), (("b",), 1, 5, 100), (("c",), 0, 4, 0)]
WEIGHTS = {"a": 0.5, "b": 0.3, "c": 0.2, "d": 0.0, "e": 0.0}


def fit_with(weights: dict[str, float]) -> Fit:
    return Fit("some", 1, weights, conversions={}, value_minor={})


@pytest.mark.parametrize(
    ("sources", "shares"),
    [
        ("a b c", {"a": 500_000, "b": 300_000, "c": 200_000}),
        ("c a", {"a": 714_286, "c": 285_714}),
        ("b b b a", {"a": 625_000, "b": 375_000}),
        ("a d", {"a": 1_000_000}),
        ("d e e", {"d": 333_333, "e": 666_667}),
        ("a new", {"a": 500_000, "new": 500_000}),
        ("d", {"d": 1_000_000}),
    ],
)
def test_credit_by_hand(sources, shares):
    assert credit(path(*sources.split()), fit_with(WEIGHTS)) == shares


@given(weights=st.dictionaries(st.sampled_from("abcde"), st.floats(0, 1), min_size=1))
def test_weights_may_pass_through_json(weights):
    again = json.loads(json.dumps(weights))
    led = path(*weights)
    assert credit(led, fit_with(again)) == credit(led, fit_with(weights))


@pytest.mark.parametrize("model", [markov(), markov(order=2), shapley(), shapley(game="rate")])
def test_the_same_input_gives_the_same_version(model):
    fit = model.fit(counted(ROWS))
    assert fit == model.fit(counted(reversed(ROWS)))
    assert 0 <= fit.fit_version < 2**63


def test_another_input_gives_another_version():
    models = [markov(), markov(order=2), shapley(), shapley(game="rate")]
    inputs = [ROWS, ROWS[:2], [*ROWS, (("c",), 0, 1, 0)], [*ROWS[:2], (("d",), 0, 4, 0)]]
    versions = {model.fit(counted(rows)).fit_version for model in models for rows in inputs}
    assert len(versions) == len(models) * len(inputs)


def test_a_version_is_the_same_on_every_machine():
    assert markov().fit(counted(ROWS)).fit_version == 4367085090203356616
