"""The quick way from states to columns says what the definition says, to the last digit."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.gold.features.feature_set import FeatureSet, Ttl
from pipelines.gold.features.finisher import Finisher
from pipelines.gold.features.monoids.add import Add
from pipelines.gold.features.scalar import State, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from tests.gold.features.shop import BEGIN, EVERYTHING, events, moments

LASTING = replace(EVERYTHING, name="lasting", ttl=Ttl(days=400))
SETS = [EVERYTHING, LASTING, *all_sets().values()]
FINISHERS = {one.name: Finisher(one, prefix="x__") for one in SETS}


@settings(max_examples=60)
@given(events(), moments(), st.sampled_from(SETS))
def test_it_finishes_as_the_definition_does(
    rows: list[dict[str, Any]], at: int, feature_set: FeatureSet
) -> None:
    state = merged(feature_set, (state_of(feature_set, one) for one in rows))
    finisher = FINISHERS[feature_set.name]
    for moment in (at, *(one["occurred_at"] for one in rows[:3]), BEGIN):
        expected = values(feature_set, state, at=moment)
        found = finisher.values(state, at=moment)
        assert found == {f"x__{name}": value for name, value in expected.items()}
        assert list(found) == [f"x__{name}" for name in expected]
        assert list(map(type, found.values())) == list(map(type, expected.values()))


@pytest.mark.parametrize("feature_set", SETS, ids=lambda one: one.name)
def test_nothing_is_known_of_an_entity_without_events(feature_set: FeatureSet) -> None:
    expected = values(feature_set, State(), at=BEGIN)
    assert FINISHERS[feature_set.name].nothing == {f"x__{name}": value for name, value in expected.items()}


def test_a_sum_beyond_64_bits_begins_again_at_the_other_end() -> None:
    most = 2**63 - 1
    assert Add().merge((most,), (1,)) == (-most - 1,)
    assert Add().merge((-most,), (-2,)) == (most,)
    assert Add("", "count").merge((most, 1), (2, 1)) == (-most, 2)
