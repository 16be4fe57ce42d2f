"""The rate limit's arithmetic, with a clock in hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.admission import ClientRates


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_burst_then_the_rate(clock):
    rates = ClientRates(per_second=10, burst=20, clock=clock)
    assert rates.take("a", 20) == 0
    assert rates.take("a") == 1
    clock.now += 0.1
    assert rates.take("a") == 0
    assert rates.take("a") == 1


def test_the_wait_that_is_told_is_enough(clock):
    rates = ClientRates(per_second=3, burst=100, clock=clock)
    rates.take("a", 100)
    wait = rates.take("a", 10)
    assert wait == 4
    clock.now += wait
    assert rates.take("a", 10) == 0


def test_clients_do_not_share(clock):
    rates = ClientRates(per_second=1, burst=1, clock=clock)
    assert rates.take("192.0.2.1") == 0
    assert rates.take("192.0.2.2") == 0
    assert rates.take("192.0.2.1") > 0


def test_one_ipv6_network_is_one_client(clock):
    rates = ClientRates(per_second=1, burst=1, clock=clock)
    assert rates.take("2001:db8:0:1::1") == 0
    assert rates.take("2001:db8:0:1:ffff::2") > 0
    assert rates.take("2001:db8:0:2::1") == 0


def test_memory_is_bounded_and_the_longest_silent_goes_first(clock):
    rates = ClientRates(per_second=0.001, burst=1, max_clients=100, clock=clock)
    rates.take("regular")
    for number in range(99):
        rates.take(f"client {number}")
    assert rates.take("regular") > 0
    rates.take("one more")
    assert len(rates) == 100
    assert rates.take("regular") > 0, "it was heard of just now"
    assert rates.take("client 0") == 0, "it had been silent for longest"


@given(steps=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), max_size=60))
def test_never_more_than_burst_and_rate_allow(steps):
    clock = Clock()
    rates = ClientRates(per_second=7, burst=25, clock=clock)
    granted = 0
    for pause, events in steps:
        clock.now += pause
        if rates.take("a", events) == 0:
            granted += events
        assert granted <= 25 + 7 * clock.now + 1e-6
