"""Shapley values against all coalitions, one by one."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.gold.attribution.fitted.shapley import MOST_SOURCES_OF_RATES, Game, shapley
from pipelines.gold.attribution.path_counts import PathCounts, counted

path_rows = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=9).map(tuple),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 900),
    ),
    min_size=1,
    max_size=10,
)
Worth = Callable[[frozenset[str]], Fraction]


def by_coalitions(players: Sequence[str], worth: Worth) -> dict[str, Fraction]:
    """The value by its definition: over all coalitions without the player, what joining adds."""
    n = len(players)
    values = {}
    for player in players:
        others = [other for other in players if other != player]
        values[player] = sum(
            Fraction(factorial(size) * factorial(n - size - 1), factorial(n))
            * (worth(frozenset(coalition) | {player}) - worth(frozenset(coalition)))
            for size in range(n)
            for coalition in combinations(others, size)
        )
    return values


def game_of_conversions(counts: PathCounts) -> dict[str, Fraction]:
    def worth(coalition: frozenset[str]) -> Fraction:
        return Fraction(sum(row.conversions for row in counts.rows() if coalition >= set(row.sources)))

    return by_coalitions(counts.sources, worth)


def game_of_rates(counts: PathCounts) -> dict[str, Fraction]:
    def totals(coalition: frozenset[str]) -> tuple[int, int]:
        rows = [row for row in counts.rows() if coalition == set(row.sources)]
        return sum(row.conversions for row in rows), sum(row.non_conversions for row in rows)

    def rate(coalition: frozenset[str]) -> Fraction:
        sold, unsold = totals(coalition)
        return Fraction(sold, sold + unsold) if sold else Fraction(0)

    values = dict.fromkeys(counts.sources, Fraction(0))
    for observed in {frozenset(row.sources) for row in counts.rows() if row.conversions}:
        for player, part in by_coalitions(sorted(observed), rate).items():
            values[player] += part / rate(observed) * totals(observed)[0]
    return values


def floats(values: dict[str, Fraction]) -> dict[str, float]:
    return {player: float(value) for player, value in values.items()}


@settings(max_examples=30, deadline=None)
@given(rows=path_rows)
def test_game_of_conversions_is_that_of_all_coalitions(rows):
    counts = counted(rows)
    assert shapley().fit(counts).conversions == pytest.approx(floats(game_of_conversions(counts)), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(rows=path_rows)
def test_game_of_rates_is_that_of_all_coalitions(rows):
    counts = counted(rows)
    fit = shapley(game="rate").fit(counts)
    assert fit.conversions == pytest.approx(floats(game_of_rates(counts)), abs=1e-9)


@pytest.mark.parametrize("game", get_args(Game))
@given(rows=path_rows)
def test_parts_sum_to_what_was_sold(game, rows):
    counts = counted([(sources, sold, unsold, value * bool(sold)) for sources, sold, unsold, value in rows])
    fit = shapley(game=game).fit(counts)
    sold = int(counts.conversions.sum())
    assert sum(fit.conversions.values()) == pytest.approx(sold, abs=1e-9)
    assert sum(fit.value_minor.values()) == pytest.approx(int(counts.value_minor.sum()), abs=1e-6)
    assert min(fit.weights.values()) >= 0
    assert sum(fit.weights.values()) == pytest.approx(1.0 if sold else 0.0, abs=1e-9)


def test_games_by_hand():
    """a alone sells to 1 of 4, a with b to 3 of 4: of these 3 orders a's part is (1/4 + 3/4) / 2 / (3/4)."""
    counts = counted([(("a",), 1, 3, 100), (("a", "b"), 2, 1, 200), (("b", "a", "b"), 1, 0, 60)])
    conversions, rate = shapley().fit(counts), shapley(game="rate").fit(counts)
    assert conversions.conversions == pytest.approx({"a": 2.5, "b": 1.5})
    assert conversions.value_minor == pytest.approx({"a": 230.0, "b": 130.0})
    assert rate.conversions == pytest.approx({"a": 3.0, "b": 1.0})
    assert rate.value_minor == pytest.approx({"a": 100 + 260 * 2 / 3, "b": 260 / 3})


def test_a_source_that_goes_with_fewer_orders_loses_by_rates_and_weighs_nothing():
    counts = counted([(("a",), 9, 1, 0), (("a", "b"), 1, 9, 0)])
    fit = shapley(game="rate").fit(counts)
    assert fit.conversions == pytest.approx({"a": 14.0, "b": -4.0})
    assert fit.weights == {"a": 1.0, "b": 0.0}


def test_conversions_are_exact_for_any_number_of_sources():
    everyone = tuple(f"s{index:03}" for index in range(300))
    fit = shapley().fit(counted([(everyone, 3, 0, 0), (("s000",), 2, 5, 0)]))
    assert fit.conversions == pytest.approx({**dict.fromkeys(everyone, 0.01), "s000": 2.01})


def test_rates_are_exact_for_more_than_15_sources():
    """Within all 18, worth 1/2, only s00 alone is worth something, 1/4; parts are scaled by 9 / (1/2)."""
    everyone = tuple(f"s{index:02}" for index in range(18))
    fit = shapley(game="rate").fit(counted([(everyone, 9, 9, 0), (("s00",), 1, 3, 0)]))
    other = (1 / 2 / 18 - 1 / 4 / (18 * 17)) * 18
    assert fit.conversions == pytest.approx({**dict.fromkeys(everyone, other), "s00": 1 + (1 / 2 + 1 / 4)})


def test_rates_of_too_many_sources_are_refused():
    sources = tuple(f"s{index}" for index in range(MOST_SOURCES_OF_RATES + 1))
    with pytest.raises(SettingsError, match="group rare sources"):
        shapley(game="rate").fit(counted([(sources, 1, 0, 0)]))


@pytest.mark.parametrize("game", get_args(Game))
def test_no_paths_no_weights(game):
    assert shapley(game=game).fit(counted([])).weights == {}


def test_an_unknown_game_is_refused():
    with pytest.raises(SettingsError, match="not chess"):
        shapley(game="chess")  # type: ignore[arg-type]
