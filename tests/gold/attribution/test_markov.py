"""Removal effects against the definition, computed exactly and in another way."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.gold.attribution.fitted import markov as module
from pipelines.gold.attribution.fitted.markov import chain_of, markov, removal_effects
from pipelines.gold.attribution.path_counts import PathCounts, counted

path_rows = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(tuple),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 900),
    ),
    min_size=1,
    max_size=12,
)


def effects_of(counts: PathCounts, order: int) -> dict[str, float]:
    effects = removal_effects(chain_of(counts, order=order), len(counts.sources))
    return dict(zip(counts.sources, effects.tolist(), strict=True))


def by_elimination(counts: PathCounts, order: int) -> dict[str, float]:
    """The same in fractions: the chain by name, its states eliminated one after the other."""
    moves: Counter = Counter()
    for row in counts.rows():
        states = [row.sources[max(0, end - order) : end] for end in range(len(row.sources) + 1)]
        for here, there in pairwise(states):
            moves[here, there] += row.conversions + row.non_conversions
        moves[states[-1], "conversion"] += row.conversions
        moves[states[-1], "null"] += row.non_conversions
    everyone = _converting(moves, removed=None)
    return {
        source: float(1 - _converting(moves, removed=source) / everyone) if everyone else 0.0
        for source in counts.sources
    }


def _converting(moves: Counter, *, removed: str | None) -> Fraction:
    chain: dict = {}
    for (here, there), count in moves.items():
        end = "null" if removed and there not in {"conversion", "null"} and removed in there else there
        chain.setdefault(here, Counter())[end] += count
    for state in [state for state in chain if state != ()]:
        onward = chain.pop(state)
        loop = onward.pop(state, 0)
        total = Fraction(sum(onward.values()))
        for others in chain.values():
            if through := others.pop(state, 0):
                for there, count in onward.items():
                    others[there] += through * (count / total) if total else 0
        assert loop == 0 or total > 0
    ends = chain[()]
    return Fraction(ends["conversion"]) / (sum(ends.values()) or 1)


def test_the_example_of_the_literature():
    """One of three visitors converts, by a > b > c; without b or c none would, without a half as many."""
    counts = counted([(("a", "b", "c"), 1, 0, 900), (("a",), 0, 1, 0), (("b", "c"), 0, 1, 0)])
    assert effects_of(counts, 1) == pytest.approx({"a": 0.5, "b": 1.0, "c": 1.0})
    fit = markov().fit(counts)
    assert fit.weights == pytest.approx({"a": 0.2, "b": 0.4, "c": 0.4})
    assert fit.value_minor == pytest.approx({"a": 180, "b": 360, "c": 360})


def test_a_higher_order_remembers():
    """b converts after a only: order 1 cannot see it, order 2 gives a all that b has."""
    counts = counted([(("a", "b"), 10, 0, 0), (("c", "b"), 0, 10, 0)])
    assert effects_of(counts, 1) == pytest.approx({"a": 0.5, "b": 1.0, "c": 0.5})
    assert effects_of(counts, 2) == pytest.approx({"a": 1.0, "b": 1.0, "c": 0.0})


@pytest.mark.parametrize("dense_states", [10_000, 0])
@settings(max_examples=40, deadline=None)
@given(rows=path_rows, order=st.integers(1, 4))
def test_effects_are_those_of_the_chain(dense_states, rows, order):
    counts = counted(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DENSE_STATES", dense_states)
        assert effects_of(counts, order) == pytest.approx(by_elimination(counts, order), abs=1e-9)


@given(rows=path_rows)
def test_an_order_of_whole_paths_asks_who_was_there(rows):
    """Then the states are whole paths, and what is lost are the orders of paths with the source."""
    counts = counted(rows)
    orders = sum(row.conversions for row in counts.rows())
    lost = {
        source: sum(row.conversions for row in counts.rows() if source in row.sources)
        for source in counts.sources
    }
    assert effects_of(counts, 6) == pytest.approx(
        {source: count / (orders or 1) for source, count in lost.items()}, abs=1e-9
    )


@given(rows=path_rows)
def test_weights_sum_to_one_if_anything_was_sold(rows):
    counts = counted(rows)
    fit = markov().fit(counts)
    sold = int(counts.conversions.sum())
    assert sum(fit.weights.values()) == pytest.approx(1.0 if sold else 0.0, abs=1e-9)
    assert sum(fit.conversions.values()) == pytest.approx(sold)
    assert min(fit.weights.values()) >= 0


def test_no_paths_no_weights():
    assert markov().fit(counted([])).weights == {}


def test_an_order_below_one_is_refused():
    with pytest.raises(SettingsError, match="not 0"):
        markov(order=0)
