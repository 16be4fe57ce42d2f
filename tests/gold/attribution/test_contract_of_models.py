"""What every model promises, whichever modules the folder holds."""

import pkgutil
import random
from functools import partial
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution import fitted, models
from pipelines.gold.attribution.fits import credit
from pipelines.gold.attribution.fitted import all_fitted
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.path_counts import counted
from pipelines.gold.attribution.touches import DIRECT, MICROS, Path, path_to
from tests.gold.attribution.paths import ORDERED_AT, SOURCES, path, touch_lists

LOOK_BACK = 600
VISITS = counted(
    [
        (sources, place % 3, place % 5, place * 100)
        for place, sources in enumerate(permutations(["google", "facebook", "newsletter", "direct"], 2))
    ]
    + [((source,), 0, 7, 0) for source in SOURCES if source != "tiktok"]
)
"""`tiktok` is unknown to the fits, `(none)` and `été` weigh nothing."""
CREDITS = {name: model.credit for name, model in all_models().items()} | {
    name: partial(credit, fit=model.fit(VISITS)) for name, model in all_fitted().items()
}
every_model = pytest.mark.parametrize("credit_of", CREDITS.values(), ids=CREDITS)


@every_model
@given(touches=touch_lists())
def test_shares_are_whole_and_of_the_paths_sources(credit_of, touches):
    shares = credit_of(path_to(ORDERED_AT, touches, look_back_seconds=LOOK_BACK))
    assert sum(shares.values()) == MICROS
    assert all(type(share) is int and share > 0 for share in shares.values())
    assert set(shares) <= ({touch.source for touch in touches} or {DIRECT})


@every_model
@pytest.mark.parametrize("source", SOURCES)
def test_a_single_touch_takes_all(credit_of, source):
    assert credit_of(path(source)) == {source: MICROS}


@every_model
@given(source=st.sampled_from(SOURCES), touches=st.integers(1, 40))
def test_touches_of_one_source_take_all(credit_of, source, touches):
    assert credit_of(path(*[source] * touches)) == {source: MICROS}


@every_model
def test_an_empty_path_is_direct(credit_of):
    assert credit_of(Path(ORDERED_AT, ())) == {DIRECT: MICROS}


@every_model
@given(touches=touch_lists(min_size=1), seed=st.integers())
def test_neither_order_nor_repetition_of_the_input_matters(credit_of, touches, seed):
    again = [*touches, *random.Random(seed).choices(touches, k=5)]
    random.Random(seed).shuffle(again)
    once, twice = (path_to(ORDERED_AT, given, look_back_seconds=LOOK_BACK) for given in (touches, again))
    assert credit_of(once) == credit_of(twice)


@pytest.mark.parametrize(("package", "found"), [(models, all_models()), (fitted, all_fitted())])
def test_models_are_named_as_their_modules(package, found):
    assert set(found) == {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert all(model.title for model in found.values())


@pytest.mark.parametrize("model", all_fitted().values(), ids=all_fitted())
def test_a_fit_weighs_every_source_and_splits_what_was_sold(model):
    fit = model.fit(VISITS)
    assert fit.model == model.name
    assert fit.weights.keys() == fit.conversions.keys() == fit.value_minor.keys() == set(VISITS.sources)
    assert sum(fit.weights.values()) == pytest.approx(1.0, abs=1e-9)
    assert min(fit.weights.values()) >= 0
    assert sum(fit.conversions.values()) == pytest.approx(int(VISITS.conversions.sum()))
    assert sum(fit.value_minor.values()) == pytest.approx(int(VISITS.value_minor.sum()))


@pytest.mark.parametrize("model", all_fitted().values(), ids=all_fitted())
def test_a_fit_does_not_hang_on_the_order_of_the_paths(model):
    assert model.fit(counted(reversed(VISITS.rows()))) == model.fit(VISITS)


@pytest.mark.parametrize("model", all_fitted().values(), ids=all_fitted())
@pytest.mark.parametrize("rows", [[], [(("google", "direct"), 0, 5, 0)]])
def test_when_nothing_was_sold_nothing_weighs(model, rows):
    assert not any(model.fit(counted(rows)).weights.values())
