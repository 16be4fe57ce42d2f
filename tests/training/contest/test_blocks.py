"""Blocks: contest after contest every decision judges at most once, and nobody learns from the block."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.contests import Mark
from training.contest.blocks import Cut, missing_decisions, next_block
from training.examples import Examples

SECOND = 1_000_000


def examples(times, groups=None):
    rows = len(times)
    order = sorted((time, f"r{number:04d}") for number, time in enumerate(times))
    return Examples(
        problem="p",
        features=("f",),
        row_ids=np.array([row_id for _, row_id in order], dtype=object),
        decided_at=np.array([time * SECOND for time, _ in order], np.int64),
        groups=np.array(groups if groups else [f"g{number}" for number in range(rows)], dtype=object),
        labels=np.zeros(rows, np.int64),
        weights=np.ones(rows),
        values=np.zeros((rows, 1), np.float32),
    )


def test_the_first_contest_takes_two_blocks_the_next_one_more():
    rows = examples(range(100, 110))
    assert missing_decisions(rows, Cut(6, None, 0, 0)) == 2
    assert next_block(rows, Cut(6, None, 10, 0)) is None
    first = next_block(rows, Cut(4, None, 10, 0))
    assert list(first.split.train.row_ids) == ["r0000", "r0001", "r0002", "r0003"]
    assert list(first.split.validation.row_ids) == ["r0004", "r0005", "r0006", "r0007"]
    assert first.until == Mark(107 * SECOND, "r0007")
    assert missing_decisions(rows, Cut(4, first.until, 0, 0)) == 2
    second = next_block(rows, Cut(2, first.until, 3, 0))
    assert list(second.split.train.row_ids) == ["r0005", "r0006", "r0007"]
    assert list(second.split.validation.row_ids) == ["r0008", "r0009"]


def test_decisions_whose_outcome_may_fall_into_the_block_are_not_learnt_from():
    found = next_block(examples(range(8)), Cut(4, Mark(3 * SECOND, "r0003"), 10, 2))
    assert list(found.split.train.row_ids) == ["r0000", "r0001", "r0002"]
    assert found.split.left_out["gap"] == 1


def test_the_first_block_judges_once_all_that_is_learnt_from_is_known():
    rows = examples(range(12))
    assert missing_decisions(examples(range(8)), Cut(4, None, 10, 3)) == 2
    found = next_block(rows, Cut(4, None, 10, 3))
    assert list(found.split.train.row_ids) == ["r0000", "r0001", "r0002", "r0003"]
    assert list(found.split.validation.row_ids) == ["r0006", "r0007", "r0008", "r0009"]
    assert found.split.left_out["gap"] == 2


@given(
    times=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    size=st.integers(1, 9),
    learn_from=st.integers(1, 40),
    gap=st.integers(0, 5),
)
def test_blocks_follow_each_other_and_see_no_future(times, size, learn_from, gap):
    rows, since, judged = examples(times), None, []
    while block := next_block(rows, Cut(size, since, learn_from, gap)):
        train, validation = block.split.train, block.split.validation
        assert len(train) <= learn_from
        assert block.rows == len(validation) == size
        judged += [Mark(*one) for one in zip(validation.decided_at, validation.row_ids, strict=True)]
        if len(train):
            assert train.decided_at.max() + gap * SECOND <= validation.decided_at.min()
            assert train.decided_at.max() < validation.decided_at.min()
        assert judged[-1] == block.until
        since = block.until
    assert judged == sorted(set(judged))
    missing = missing_decisions(rows, Cut(size, since, learn_from, gap))
    assert missing > 0
    if since is not None:
        later = sum(Mark(*one) > since for one in zip(rows.decided_at, rows.row_ids, strict=True))
        assert later == size - missing
