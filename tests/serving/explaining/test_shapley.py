"""Contributions against the definition of Shapley values, by brute force over all coalitions."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.explaining import explain

SETS = ("session", "twin", "user")


def curved(seed: int, width: int):
    """A model in which features work together, so that the order of their arrival matters."""
    chance = np.random.default_rng(seed)
    first, second = chance.normal(size=(width, 6)), chance.normal(size=6)

    def probabilities(rows):
        known = np.nan_to_num(np.asarray(rows, np.float64), nan=-3.0)
        return 1 / (1 + np.exp(-np.tanh(known @ first) @ second))

    return probabilities


def by_definition(model, row, baseline):
    """Each feature's additions over all coalitions of the others."""
    width = len(row)

    def worth(coalition):
        mixed = baseline.copy()
        mixed[list(coalition)] = row[list(coalition)]
        return float(model(mixed[None, :])[0])

    found = []
    for player in range(width):
        others = [one for one in range(width) if one != player]
        found.append(
            sum(
                (worth((*some, player)) - worth(some)) / (width * math.comb(width - 1, size))
                for size in range(width)
                for some in combinations(others, size)
            )
        )
    return found


def names_of(width: int) -> list[str]:
    return [f"{SETS[one % 3]}__f{one}" for one in range(width)]


def case(seed: int, width: int):
    chance = np.random.default_rng(seed + 1_000)
    rows = chance.normal(size=(2, width)).astype(np.float32)
    return curved(seed, width), names_of(width), rows[0], rows[1]


@pytest.mark.parametrize("width", [1, 2, 5, 9])
def test_few_features_are_exact(width):
    model, names, row, baseline = case(width, width)
    found = explain(model, names, row, baseline, seed="d")
    expected = dict(zip(names, by_definition(model, row, baseline), strict=True))
    assert {one.name: one.contribution for one in found.features} == pytest.approx(expected, abs=1e-12)
    assert {one.error for one in (*found.features, *found.sets)} == {0.0}
    assert found.permutations == 0


def test_many_features_are_within_their_errors():
    model, names, row, baseline = case(3, 11)
    expected = dict(zip(names, by_definition(model, row, baseline), strict=True))
    within = []
    for seed in range(60):
        found = explain(model, names, row, baseline, seed=f"{seed}", permutations=64)
        within += [abs(one.contribution - expected[one.name]) <= 2 * one.error for one in found.features]
        assert max(one.error for one in found.features) < 0.04
    assert 0.92 <= np.mean(within) <= 0.985


def test_reversed_orders_leave_less_noise():
    model, names, row, baseline = case(3, 11)
    expected = dict(zip(names, by_definition(model, row, baseline), strict=True))
    off = {
        count: np.mean(
            [
                (one.contribution - expected[one.name]) ** 2
                for seed in range(30)
                for one in explain(model, names, row, baseline, seed=f"{seed}", permutations=count).features
            ]
        )
        for count in (16, 64)
    }
    assert off[64] < off[16] / 3


@given(seed=st.integers(0, 10_000), width=st.integers(1, 25), unlike=st.integers(0, 25))
def test_contributions_add_up_to_the_probability(seed, width, unlike):
    model, names, row, baseline = case(seed, width)
    row[unlike:] = baseline[unlike:]
    found = explain(model, names, row, baseline, seed="d", permutations=8)
    for parts in (found.features, found.sets):
        whole = found.baseline_probability + sum(one.contribution for one in parts)
        assert whole == pytest.approx(found.probability, abs=1e-12)
    assert found.probability == pytest.approx(model(row[None, :])[0])
    assert found.baseline_probability == pytest.approx(model(baseline[None, :])[0])


def test_sets_are_the_sums_of_their_features():
    model, names, row, baseline = case(8, 14)
    found = explain(model, names, row, baseline, seed="d")
    for one in found.sets:
        own = [each.contribution for each in found.features if each.name.startswith(f"{one.name}__")]
        assert one.contribution == pytest.approx(sum(own), abs=1e-12)
        assert one.error > 0
    assert [one.name for one in found.sets] != []
    greatest = [abs(one.contribution) for one in found.features]
    assert greatest == sorted(greatest, reverse=True)


def test_what_equals_the_baseline_contributes_nothing_and_what_is_not_known_counts():
    model, names, row, baseline = case(5, 12)
    row[0] = baseline[0]
    row[1] = baseline[1] = np.nan
    row[2] = np.nan
    told = {one.name: one for one in explain(model, names, row, baseline, seed="d").features}
    assert (told[names[0]].contribution, told[names[0]].error) == (0.0, 0.0)
    assert (told[names[1]].contribution, told[names[1]].value, told[names[1]].baseline) == (0.0, None, None)
    assert told[names[2]].contribution != 0
    assert told[names[2]].value is None
    assert told[names[2]].baseline == pytest.approx(float(baseline[2]))


def test_the_same_seed_tells_the_same_and_another_one_draws_anew():
    model, names, row, baseline = case(6, 15)
    first, again, other = (explain(model, names, row, baseline, seed=one) for one in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_the_model_is_asked_once_and_only_of_what_differs():
    asked = []
    model, names, row, baseline = case(7, 32)
    row[0], row[1], baseline[1] = baseline[0], np.nan, np.nan

    def counting(rows):
        asked.append(rows.shape)
        return model(rows)

    explain(counting, names, row, baseline, seed="d", permutations=64)
    assert asked == [(64 * 29 + 2, 32)]
