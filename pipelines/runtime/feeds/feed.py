"""The pacing loop: sends deliveries at their time by the wall clock, and says when it falls behind."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Literal

from pipelines.contracts.delivery import Delivery, RecordSink
from pipelines.errors import ServiceError

_PROGRESS_SECONDS = 0.5
_NEGLIGIBLE_WAIT = 0.0005
_KEEPS_UP = 0.95
MICROS = 1_000_000

End = Literal["exhausted", "stopped", "failed"]


@dataclass
class FeedReport:
    """What a feed did; while it runs, what it has done so far. Rates are records per second.

    `lag_seconds` is how far the last record was behind its time, `worst_lag_seconds` the worst.
    `asked_rate` is null at full speed and for a feed without extent in time.
    """

    speed: float | None
    sent: int = 0
    sent_by_topic: Counter[str] = field(default_factory=Counter)
    sent_by_fate: Counter[str] = field(default_factory=Counter)
    sent_by_reason: Counter[str] = field(default_factory=Counter)
    acked: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    elapsed_seconds: float = 0.0
    last_send_at: int = 0
    lag_seconds: float = 0.0
    worst_lag_seconds: float = 0.0
    ended: End = "exhausted"
    error: str | None = None

    @property
    def achieved_rate(self) -> float:
        """Records sent per second of wall clock."""
        return self.sent / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0

    @property
    def asked_rate(self) -> float | None:
        """Records per second that the deliveries' own times ask for."""
        if self.speed is None or self.last_send_at == 0:
            return None
        return self.sent * self.speed * MICROS / self.last_send_at

    @property
    def fell_behind(self) -> bool:
        """True when less than 95 % of the asked rate was reached, by more than a second of lag."""
        asked = self.asked_rate
        return asked is not None and self.lag_seconds > 1 and self.achieved_rate < _KEEPS_UP * asked

    def as_data(self) -> dict[str, Any]:
        """The report as JSON data, rates and lags rounded."""
        asked = self.asked_rate
        return {
            "sent": self.sent,
            "sent_by_topic": dict(self.sent_by_topic),
            "sent_by_fate": dict(self.sent_by_fate),
            "sent_by_reason": dict(self.sent_by_reason),
            "acked": self.acked,
            "failed": self.failed,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "asked_rate": None if asked is None else round(asked, 1),
            "records_per_second": round(self.achieved_rate, 1),
            "worst_lag_seconds": round(self.worst_lag_seconds, 3),
            "fell_behind": self.fell_behind,
            "ended": self.ended,
            "error": self.error,
        }


def feed(
    deliveries: Iterable[Delivery],
    sink: RecordSink,
    *,
    speed: float | None,
    stop: Event,
    progress: Callable[[FeedReport], None] | None = None,
) -> FeedReport:
    """Send every delivery at `send_at / speed` (null: at once) until they end or `stop` is set.

    Always flushes, so `acked` and `failed` of the report are final. A sink that fails ends the
    feed with `ended="failed"` and the sentence in `error`; it is not raised, the counts matter.
    """
    report = FeedReport(speed=speed)
    pacer = _Pacer(report, stop=stop, progress=progress)
    try:
        for delivery in deliveries:
            if not pacer.wait_for(delivery.send_at):
                report.ended = "stopped"
                break
            _send_one(delivery, sink, report)
        sink.flush()
    except ServiceError as error:
        report.ended, report.error = "failed", str(error)
    pacer.note_elapsed()
    report.acked, report.failed = dict(sink.acked), dict(sink.failed)
    return report


class _Pacer:
    """Waits for the time of each record, by the wall clock, and tells the progress meanwhile."""

    def __init__(
        self, report: FeedReport, *, stop: Event, progress: Callable[[FeedReport], None] | None
    ) -> None:
        self._report = report
        self._stop = stop
        self._progress = progress
        self._seconds_per_micro = 1 / (report.speed * MICROS) if report.speed else None
        self._started = time.monotonic()
        self._next_progress = self._started

    def wait_for(self, send_at: int) -> bool:
        """True when the record's time has come, false when the feed is to stop."""
        now = time.monotonic()
        if now >= self._next_progress:
            self._tell(now)
        if self._seconds_per_micro is not None:
            due = self._started + send_at * self._seconds_per_micro
            while due - now > _NEGLIGIBLE_WAIT:
                if self._stop.wait(min(due - now, _PROGRESS_SECONDS)):
                    return False
                now = time.monotonic()
                if now >= self._next_progress:
                    self._tell(now)
            self._report.lag_seconds = max(now - due, 0.0)
            self._report.worst_lag_seconds = max(self._report.worst_lag_seconds, now - due)
        return not self._stop.is_set()

    def note_elapsed(self) -> None:
        """Write the time since the start into the report."""
        self._report.elapsed_seconds = time.monotonic() - self._started

    def _tell(self, now: float) -> None:
        self._next_progress = now + _PROGRESS_SECONDS
        self._report.elapsed_seconds = now - self._started
        if self._progress:
            self._progress(self._report)


def _send_one(delivery: Delivery, sink: RecordSink, report: FeedReport) -> None:
    sink.send(delivery.topic, key=delivery.key, value=delivery.value, headers=delivery.headers)
    report.sent += 1
    report.sent_by_topic[delivery.topic] += 1
    report.last_send_at = delivery.send_at
    if delivery.fate:
        report.sent_by_fate[delivery.fate] += 1
    if delivery.reason:
        report.sent_by_reason[delivery.reason] += 1
