"""Earlier rows to learn from, later rows to be judged by, and no user in both."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import FitError
from tests.training.made_examples import each_its_own_group, made
from training.examples import Examples
from training.splitting import group_folds, split_at, split_by_time, spread


@st.composite
def decisions(draw: st.DrawFn) -> Examples:
    rows = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 8)), min_size=1, max_size=60))
    rows.sort()
    made_rows = made(len(rows))
    return replace(
        made_rows,
        decided_at=np.array([time * 1_000_000 for time, _ in rows], dtype=np.int64),
        groups=np.array([f"user-{user}" for _, user in rows], dtype=object),
    )


@settings(max_examples=60, deadline=None)
@given(decisions(), st.floats(0.1, 0.9), st.integers(0, 20))
def test_no_user_on_both_sides_and_a_gap_between(examples, share, gap):
    split = split_by_time(examples, share=share, gap_seconds=gap)
    train, validation = split.train, split.validation
    assert not set(train.groups) & set(validation.groups)
    if len(train) and len(validation):
        assert train.decided_at.max() + gap * 1_000_000 <= validation.decided_at.min()
    assert len(train) + len(validation) + sum(split.left_out.values()) == len(examples)
    assert not set(train.row_ids) & set(validation.row_ids)
    unseen = set(examples.groups) - set(examples.groups[examples.decided_at < split.boundary])
    assert unseen <= set(validation.groups)


def test_rows_of_users_on_both_sides_weigh_for_those_left_out():
    examples = made(6_000, rows_per_user=4)
    split = split_by_time(examples, share=0.7, gap_seconds=3_600)
    late = examples.take(examples.decided_at >= split.boundary)
    assert split.left_out["shared_validation"] > 500
    assert set(split.validation.weights) == {1.0, 2.0}
    assert split.validation.weights.sum() == pytest.approx(len(late), rel=0.06)
    rate = np.average(split.validation.labels, weights=split.validation.weights)
    assert rate == pytest.approx(late.labels.mean(), abs=0.03)


def test_a_split_is_the_same_every_time_and_for_every_order_of_users():
    examples = made(500)
    once = split_by_time(examples, share=0.6, gap_seconds=600)
    assert split_by_time(examples, share=0.6, gap_seconds=600).train.digest == once.train.digest
    assert spread(examples.groups, salt="a")[7] == spread(examples.groups[7:8], salt="a")[0]
    assert 0.45 < np.mean(spread(np.array([f"u{n}" for n in range(2_000)], object), salt="a") < 0.5) < 0.55


def test_rows_within_the_gap_are_counted():
    examples = each_its_own_group(made(100))
    boundary = int(examples.decided_at[60])
    split = split_at(examples, boundary=boundary, gap_seconds=600)
    assert (len(split.train), len(split.validation), split.left_out["gap"]) == (51, 40, 9)


def test_what_cannot_be_split_is_said():
    with pytest.raises(FitError, match="between 0 and 1"):
        split_by_time(made(10), share=1.5, gap_seconds=0)
    with pytest.raises(FitError, match="cannot be negative"):
        split_by_time(made(10), share=0.5, gap_seconds=-1)
    with pytest.raises(FitError, match="no labelled decisions"):
        split_by_time(made(10).take(np.array([], dtype=np.int64)), share=0.5, gap_seconds=0)


@pytest.mark.parametrize("alone", [False, True])
def test_folds_keep_users_whole_and_outcomes_alike(alone):
    examples = each_its_own_group(made(600)) if alone else made(600)
    folds = group_folds(examples, folds=4, seed=3)
    seen = Counter(int(row) for _, judged in folds for row in judged)
    assert seen == Counter(range(600))
    for fitted, judged in folds:
        assert not set(examples.groups[fitted]) & set(examples.groups[judged])
        assert examples.labels[judged].mean() == pytest.approx(examples.labels.mean(), abs=0.05)


def test_one_user_with_the_outcome_is_too_few():
    examples = made(50)
    examples = replace(examples, labels=(examples.groups == examples.groups[0]).astype(np.int64))
    with pytest.raises(FitError, match="1 users with the outcome"):
        group_folds(examples, folds=3, seed=0)
