"""Back-off: doubled each time, bounded, and never an error of its own."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.runtime.backoff import pause_after

SECONDS = st.floats(0.01, 3600)


def test_pauses_double_up_to_the_longest():
    assert [pause_after(n, first=0.5, longest=5.0) for n in range(1, 7)] == [0.5, 1, 2, 4, 5, 5]


@given(st.integers(1, 10**9), SECONDS, SECONDS)
@example(1_100, 1.0, 60.0)
def test_no_number_of_failures_is_too_many(failures, first, longest):
    pause = pause_after(failures, first=first, longest=longest)
    assert min(first, longest) <= pause <= longest
    assert pause <= pause_after(failures + 1, first=first, longest=longest)
    assert failures < 64 or pause == longest
