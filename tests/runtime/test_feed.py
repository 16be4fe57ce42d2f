"""The pacing loop, against sinks that are as slow or as broken as a test needs."""

import time
from collections import Counter
from threading import Event, Timer

import pytest

from pipelines.contracts.delivery import Delivery, Headers
from pipelines.errors import ServiceError
from pipelines.runtime.feeds.feed import FeedReport, feed


class _Sink:
    """Keeps when each record came; each takes `seconds`; the one numbered `breaks_at` is lost."""

    def __init__(self, *, seconds: float = 0.0, breaks_at: int | None = None) -> None:
        self.acked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.came: list[tuple[float, bytes | None]] = []
        self.flushed = False
        self._seconds = seconds
        self._breaks_at = breaks_at

    def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        if len(self.came) == self._breaks_at:
            self.failed[topic] += 1
            raise ServiceError("the broker is gone.")
        time.sleep(self._seconds)
        self.came.append((time.monotonic(), value))
        self.acked[topic] += 1

    def flush(self) -> None:
        self.flushed = True


def _deliveries(count: int, *, every_ms: int) -> list[Delivery]:
    return [Delivery(n * every_ms * 1000, "clicks", b"v", str(n).encode(), (), "ok") for n in range(count)]


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_each_record_is_sent_at_its_time(speed: float) -> None:
    sink, started = _Sink(), time.monotonic()
    report = feed(_deliveries(20, every_ms=40), sink, speed=speed, stop=Event())
    waits = [at - started - n * 0.040 / speed for n, (at, _) in enumerate(sink.came)]
    assert min(waits) >= -0.002
    assert sorted(waits)[10] < 0.02
    assert [value for _, value in sink.came] == [str(n).encode() for n in range(20)]
    assert (report.sent, report.acked, report.ended, sink.flushed) == (20, {"clicks": 20}, "exhausted", True)
    assert not report.fell_behind


def test_full_speed_does_not_wait() -> None:
    started = time.monotonic()
    report = feed(_deliveries(1_000, every_ms=1_000), _Sink(), speed=None, stop=Event())
    assert time.monotonic() - started < 1
    assert report.asked_rate is None
    assert not report.fell_behind


def test_falling_behind_is_said() -> None:
    report = feed(_deliveries(150, every_ms=1), _Sink(seconds=0.01), speed=1.0, stop=Event())
    assert report.fell_behind
    assert report.lag_seconds > 1
    assert report.asked_rate == pytest.approx(1_000, rel=0.02)
    assert report.achieved_rate < 105


def test_stop_ends_a_wait_at_once_and_flushes() -> None:
    stop, sink = Event(), _Sink()
    Timer(0.1, stop.set).start()
    started = time.monotonic()
    report = feed(_deliveries(2, every_ms=60_000), sink, speed=1.0, stop=stop)
    assert time.monotonic() - started < 1
    assert (report.ended, report.sent, sink.flushed) == ("stopped", 1, True)


def test_a_lost_record_ends_the_feed_with_its_counts() -> None:
    report = feed(_deliveries(10, every_ms=0), _Sink(breaks_at=4), speed=None, stop=Event())
    assert (report.ended, report.error) == ("failed", "the broker is gone.")
    assert (report.acked, report.failed) == ({"clicks": 4}, {"clicks": 1})


def test_progress_is_told_while_waiting() -> None:
    told: list[float] = []

    def note(report: FeedReport) -> None:
        told.append(report.elapsed_seconds)

    feed(_deliveries(2, every_ms=1_300), _Sink(), speed=1.0, stop=Event(), progress=note)
    assert len(told) >= 3
    assert told == sorted(told)
