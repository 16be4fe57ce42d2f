"""Which positions may be committed: those below which every decision is settled, and all is read."""

from hypothesis import given
from hypothesis import strategies as st

from serving.doors.stream.decided import Decided
from serving.doors.stream.progress import Progress

A, B = ("clicks", 0), ("orders", 0)


@given(
    due=st.integers(0, 5),
    start=st.integers(0, 5),
    asks=st.lists(st.booleans(), max_size=12),
    settled=st.lists(st.integers(0, 20), max_size=12),
)
def test_nothing_is_committed_above_an_unsettled_decision(due, start, asks, settled):
    progress = Progress()
    progress.gain({A: min(start, due)}, {A: due})
    open_ = []
    for offset, is_asked in enumerate(asks, min(start, due)):
        if is_asked and progress.is_due(A, offset):
            progress.ask(A, offset)
            open_.append(offset)
        progress.read(A, offset)
    for offset in settled:
        if offset in open_:
            open_.remove(offset)
            progress.settle(A, offset)
    reached = max(due, min(start, due) + len(asks))
    assert progress.to_commit() == {A: min(open_, default=reached)}
    assert progress.to_commit() == {}
    assert progress.under_way == len(open_)
    assert all(offset >= due for offset in open_)


def test_two_decisions_of_one_event_are_settled_both():
    progress = Progress()
    progress.gain({A: 0}, {A: 0})
    progress.ask(A, 0)
    progress.ask(A, 0)
    progress.read(A, 0)
    progress.settle(A, 0)
    assert progress.to_commit() == {A: 0}
    progress.settle(A, 0)
    assert progress.to_commit() == {A: 1}


def test_what_was_dropped_is_another_replicas():
    progress = Progress()
    progress.gain({A: 0, B: 0}, {A: 3, B: 3})
    progress.ask(A, 3)
    progress.drop([A])
    progress.settle(A, 3)
    progress.read(A, 3)
    assert progress.places == {B}
    assert not progress.is_due(A, 7)
    assert progress.to_commit() == {B: 3}
    assert progress.lags({A: 9, B: 9}) == {B: 9}


def test_the_newest_ids_are_remembered():
    decided = Decided(3)
    decided.add("abcd")
    decided.add("b")
    decided.add("e")
    assert [one in decided for one in "abcde"] == [False, True, False, True, True]
    assert len(decided) == 3
