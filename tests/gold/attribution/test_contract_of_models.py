"""What every model promises, whichever modules the folder holds."""

import pkgutil
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution import models
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.touches import DIRECT, MICROS, Path, path_to
from tests.gold.attribution.paths import ORDERED_AT, SOURCES, path, touch_lists

LOOK_BACK = 600
CREDITS = {name: model.credit for name, model in all_models().items()}
every_model = pytest.mark.parametrize("credit", CREDITS.values(), ids=CREDITS)


@every_model
@given(touches=touch_lists())
def test_shares_are_whole_and_of_the_paths_sources(credit, touches):
    shares = credit(path_to(ORDERED_AT, touches, look_back_seconds=LOOK_BACK))
    assert sum(shares.values()) == MICROS
    assert all(type(share) is int and share > 0 for share in shares.values())
    assert set(shares) <= ({touch.source for touch in touches} or {DIRECT})


@every_model
@pytest.mark.parametrize("source", SOURCES)
def test_a_single_touch_takes_all(credit, source):
    assert credit(path(source)) == {source: MICROS}


@every_model
@given(source=st.sampled_from(SOURCES), touches=st.integers(1, 40))
def test_touches_of_one_source_take_all(credit, source, touches):
    assert credit(path(*[source] * touches)) == {source: MICROS}


@every_model
def test_an_empty_path_is_direct(credit):
    assert credit(Path(ORDERED_AT, ())) == {DIRECT: MICROS}


@every_model
@given(touches=touch_lists(min_size=1), seed=st.integers())
def test_neither_order_nor_repetition_of_the_input_matters(credit, touches, seed):
    again = [*touches, *random.Random(seed).choices(touches, k=5)]
    random.Random(seed).shuffle(again)
    once, twice = (path_to(ORDERED_AT, given, look_back_seconds=LOOK_BACK) for given in (touches, again))
    assert credit(once) == credit(twice)


def test_models_are_named_as_their_modules():
    modules = {module.name for module in pkgutil.iter_modules(models.__path__)}
    assert set(all_models()) == modules
    assert all(model.title for model in all_models().values())
