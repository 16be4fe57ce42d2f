"""Our numbers against those of `marketing-attribution-models`, kept in tests/data/attribution.

How they were made is told in make_expected.py there. The same by definition, and so compared: first, last,
linear, position, time decay with 7 days, the removal effects of Markov order 1, and Shapley's game of
rates. Different by definition, and so not compared: the package spreads an order by Markov weights over
touches, we over distinct sources, and its other Shapley game counts the orders of exactly a set, ours of
all sets within. It has no last non-direct touch.
"""

import csv
import gzip
import json
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path as File

import pytest

from pipelines.gold.attribution.fitted.markov import chain_of, markov, removal_effects
from pipelines.gold.attribution.fitted.shapley import shapley
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.money import credits_in_money
from pipelines.gold.attribution.path_counts import PathCounts, counted
from pipelines.gold.attribution.touches import MICROS, Touch, path_to
from tests.gold.attribution.paths import path

DATA = File(__file__).parents[2] / "data" / "attribution"
EXPECTED = json.loads((DATA / "expected.json").read_text())
THIRTY_DAYS = 30 * 86_400


def rows_of(name: str) -> list[dict[str, str]]:
    with gzip.open(DATA / f"{name}.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def journeys(name: str) -> list[tuple[list[Touch], int | None]]:
    """Touches of each journey and the value of its order in minor units; null: it ended in none."""
    found = []
    for visitor, rows in groupby(rows_of(name), key=lambda row: row["visitor"]):
        touches: list[Touch] = []
        for row in rows:
            at = datetime.fromisoformat(row["time"]).replace(tzinfo=UTC)
            touches.append(Touch(int(at.timestamp()) * MICROS, row["time"], visitor, row["source"]))
            if row["converts"] == "1":
                found.append((touches, int(row["value_minor"])))
                touches = []
        if touches:
            found.append((touches, None))
    return found


def counts_of(name: str) -> PathCounts:
    if name == "touchpoints_paths":
        return counted(
            (
                tuple(row["path"].split(" > ")),
                int(row["conversions"]),
                int(row["non_conversions"]),
                int(row["value_minor"]),
            )
            for row in rows_of(name)
        )
    return counted(
        (tuple(touch.source for touch in touches), int(value is not None), int(value is None), value or 0)
        for touches, value in journeys(name)
    )


def assert_same(ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Equal but for the rounding of shares to millionths."""
    whole = sum(theirs.values())
    for source in ours.keys() | theirs.keys():
        assert ours.get(source, 0) == pytest.approx(theirs.get(source, 0), abs=2e-6 * whole), source
    assert sum(ours.values()) == pytest.approx(whole, abs=1e-3)


@pytest.mark.parametrize("data", ["touchpoints_excerpt", "playbook"])
@pytest.mark.parametrize("model", ["first", "last", "linear", "position", "time_decay"])
def test_rules_order_by_order(data, model):
    earned: dict[str, float] = {}
    orders = [(touches, value) for touches, value in journeys(data) if value is not None]
    for touches, value in orders:
        led = path_to(touches[-1].occurred_at, touches, look_back_seconds=THIRTY_DAYS)
        for source, share in all_models()[model].credit(led).items():
            earned[source] = earned.get(source, 0) + share * value / MICROS
    assert_same(earned, EXPECTED[data][model])


@pytest.mark.parametrize("model", ["first", "last", "linear", "position"])
def test_rules_on_all_paths(model):
    earned: dict[str, float] = {}
    for row in counts_of("touchpoints_paths").rows():
        if row.conversions:
            shares = all_models()[model].credit(path(*row.sources))
            for source, part in credits_in_money(shares, row.value_minor * 1000).items():
                earned[source] = earned.get(source, 0) + part / 1000
    assert_same(earned, EXPECTED["touchpoints_paths"][model])


@pytest.mark.parametrize("data", sorted(EXPECTED))
def test_removal_effects_and_weights_of_markov(data):
    counts, theirs = counts_of(data), EXPECTED[data]["markov_removal_effects"]
    effects = removal_effects(chain_of(counts, order=1), len(counts.sources))
    assert dict(zip(counts.sources, effects, strict=True)) == pytest.approx(theirs, abs=1e-10)
    weights = {source: effect / sum(theirs.values()) for source, effect in theirs.items()}
    assert markov().fit(counts).weights == pytest.approx(weights, abs=1e-10)


@pytest.mark.parametrize("data", sorted(EXPECTED))
def test_value_by_shapleys_game_of_rates(data):
    ours, theirs = shapley(game="rate").fit(counts_of(data)).value_minor, EXPECTED[data]["shapley_rate"]
    assert ours == pytest.approx({**dict.fromkeys(ours, 0.0), **theirs}, abs=1e-4)
