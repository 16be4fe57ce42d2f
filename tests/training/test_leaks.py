"""A feature made with the outcome's help is found; a strong honest one is not."""

import numpy as np
import pytest

from training.examples import Examples
from training.leaks import leaks

ROWS = 2_000


@pytest.fixture
def honest():
    """Decisions with a strong feature, a flag and one that is often missing."""
    chance = np.random.default_rng(5)
    strong = chance.normal(size=ROWS)
    labels = (strong + chance.normal(size=ROWS) * 0.7 > 1.5).astype(np.int64)
    absent = np.where(chance.random(ROWS) < 0.7, np.nan, chance.normal(size=ROWS))
    values = np.column_stack([strong, chance.random(ROWS) < 0.5, absent, np.full(ROWS, np.nan)])
    return made(values, labels, ("strong", "flag", "absent", "never"))


def made(values, labels, features):
    return Examples(
        problem="p",
        features=features,
        row_ids=np.arange(len(labels)).astype(str).astype(object),
        decided_at=np.arange(len(labels)),
        groups=np.arange(len(labels)).astype(str).astype(object),
        labels=labels,
        weights=np.ones(len(labels)),
        values=values.astype(np.float32),
    )


def planted(examples, column):
    values = np.column_stack([examples.values, column])
    return made(values, examples.labels, (*examples.features, "planted"))


def test_honest_features_are_no_leaks(honest):
    assert leaks(honest) == []


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(lambda labels, chance: labels, id="copy of the label"),
        pytest.param(lambda labels, chance: 1 - labels, id="its opposite"),
        pytest.param(lambda labels, chance: np.where(labels == 1, 7.0, np.nan), id="there where it came"),
        pytest.param(lambda labels, chance: np.where(labels == 1, np.nan, 7.0), id="missing where it came"),
        pytest.param(
            lambda labels, chance: chance.poisson(1, len(labels)) + 9 * labels, id="counts what is to come"
        ),
    ],
)
def test_what_knows_the_outcome_is_named(honest, column):
    found = leaks(planted(honest, column(honest.labels, np.random.default_rng(3))))
    assert [one.feature for one in found] == ["planted"]
    assert "planted alone tells the outcome" in str(found[0])


def test_of_a_handful_of_outcomes_nothing_is_said(honest):
    few = honest.take(np.concatenate([np.flatnonzero(honest.labels)[:5], np.flatnonzero(honest.labels == 0)]))
    assert leaks(planted(few, few.labels)) == []
