"""Each rule model against tables made by hand."""

import pytest

from pipelines.errors import SettingsError
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.models.position import Positions, position
from pipelines.gold.attribution.models.time_decay import WEEK_SECONDS, Decay, time_decay
from pipelines.gold.attribution.touches import Path
from tests.gold.attribution.paths import ORDERED_AT, path, touch

RULES = {"first", "last", "last_non_direct", "linear", "position", "time_decay"}


def test_every_rule_is_found():
    assert set(all_models()) >= RULES


@pytest.mark.parametrize(
    ("model", "sources", "shares"),
    [
        ("first", "a b c", {"a": 1_000_000}),
        ("first", "direct b", {"direct": 1_000_000}),
        ("last", "a b c", {"c": 1_000_000}),
        ("last", "a direct", {"direct": 1_000_000}),
        ("last_non_direct", "a b direct (none)", {"b": 1_000_000}),
        ("last_non_direct", "a Direct (direct)", {"a": 1_000_000}),
        ("last_non_direct", "direct (none)", {"(none)": 1_000_000}),
        ("linear", "a b", {"a": 500_000, "b": 500_000}),
        ("linear", "c b a", {"a": 333_334, "b": 333_333, "c": 333_333}),
        ("linear", "a b a", {"a": 666_667, "b": 333_333}),
        (
            "linear",
            "a b c d e f",
            {"a": 166_667, "b": 166_667, "c": 166_667, "d": 166_667, "e": 166_666, "f": 166_666},
        ),
        ("position", "a b", {"a": 500_000, "b": 500_000}),
        ("position", "a b c", {"a": 400_000, "b": 200_000, "c": 400_000}),
        ("position", "a b c d", {"a": 400_000, "b": 100_000, "c": 100_000, "d": 400_000}),
        ("position", "a b c a", {"a": 800_000, "b": 100_000, "c": 100_000}),
        ("position", "a b c d e", {"a": 400_000, "b": 66_667, "c": 66_667, "d": 66_666, "e": 400_000}),
    ],
)
def test_credit_by_hand(model, sources, shares):
    assert all_models()[model].credit(path(*sources.split())) == shares


def test_a_touch_weighs_half_for_every_half_life():
    model = time_decay(Decay(longest_seconds=60), name="decay", title="Decay")
    touches = (
        touch("a", seconds_before=125),
        touch("b", seconds_before=65),
        touch("c", seconds_before=5),
    )
    shares = model.credit(Path(ORDERED_AT, touches))  # 1 : 2 : 4
    assert shares == {"a": 142_857, "b": 285_714, "c": 571_429}


@pytest.mark.parametrize(
    ("look_back_seconds", "half_life_seconds"),
    [(600, 150), (86_400, 21_600), (30 * 86_400, WEEK_SECONDS), (None, WEEK_SECONDS)],
)
def test_half_life_follows_the_look_back(look_back_seconds, half_life_seconds):
    assert Decay().half_life_micros(look_back_seconds) == half_life_seconds * 1_000_000
    touches = (touch("a", seconds_before=half_life_seconds), touch("b", seconds_before=0))
    shares = all_models()["time_decay"].credit(Path(ORDERED_AT, touches, look_back_seconds))
    assert shares == {"a": 333_333, "b": 666_667}


def test_a_touch_of_ages_ago_earns_nothing():
    touches = (touch("a", seconds_before=10_000 * WEEK_SECONDS), touch("b", seconds_before=0))
    assert all_models()["time_decay"].credit(Path(ORDERED_AT, touches)) == {"b": 1_000_000}


def test_positions_can_be_chosen():
    model = position(Positions(first=60, last=20), name="early", title="Early")
    assert model.credit(path("a", "b", "c")) == {"a": 600_000, "b": 200_000, "c": 200_000}
    assert model.credit(path("a", "b")) == {"a": 750_000, "b": 250_000}


@pytest.mark.parametrize("wrong", [(60, 50), (-1, 40), (0, 0)])
def test_positions_that_do_not_fit_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"not {wrong[0]} and {wrong[1]}"):
        Positions(*wrong)


@pytest.mark.parametrize("wrong", [{"longest_seconds": 0}, {"per_look_back": -1}])
def test_a_half_life_of_nothing_is_refused(wrong):
    with pytest.raises(SettingsError, match="half-life"):
        Decay(**wrong)
