"""A replay: records of files sent at their own pace, their times shifted by one constant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.connectors.mapping import MappedFiles, MappedRecord, TimeSpan
from pipelines.contracts.delivery import Delivery
from pipelines.contracts.fields import MICROS_PER_SECOND, Invalid, read_time
from pipelines.contracts.parsing import KNOWN_AT_HEADER
from pipelines.errors import SettingsError
from pipelines.runtime.feeds.disturbance import Disturbance, disturbed

NOW = "now"
FULL_SPEED = "max"


def parse_speed(text: str) -> float | None:
    """How many times faster than the data; null is full speed. Raises `SettingsError`."""
    if text == FULL_SPEED:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise SettingsError(f"--speed {text}: give a number above 0, such as 1 or 100, or {FULL_SPEED}.")
    return speed


def shift_of(span: TimeSpan | None, shift_to: str | None) -> int:
    """Microseconds to add to every time so that the last lies at `shift_to` (`now` or ISO 8601).

    Nothing is shifted when there is no span. Raises `SettingsError` when `shift_to` is no time.
    """
    if shift_to is None:
        return 0
    if shift_to == NOW:
        target = int(datetime.now(UTC).timestamp() * MICROS_PER_SECOND)
    else:
        try:
            target = read_time(shift_to, "--shift-to")
        except Invalid:
            raise SettingsError(
                f"--shift-to {shift_to}: give `{NOW}` or a time such as 2026-01-31T12:00:00Z."
            ) from None
    return 0 if span is None else target - span.last


@dataclass(frozen=True)
class ReplayPlan:
    """How a replay is sent: `speed` null is full speed, `shift_to` is `now` or ISO 8601."""

    speed: float | None
    shift_to: str | None
    disturbance: Disturbance

    def check(self) -> None:
        """Raise `SettingsError` when the plan cannot be carried out."""
        shift_of(None, self.shift_to)
        self.disturbance.check()

    def deliveries(self, mapped: MappedFiles) -> tuple[Iterator[Delivery], int]:
        """What is to be sent, and the shift in microseconds."""
        span = mapped.span()
        shift = shift_of(span, self.shift_to)
        genuine = replay_deliveries(mapped, span=span, shift_micros=shift)
        return disturbed(genuine, self.disturbance) if self.disturbance.any else genuine, shift


def replay_deliveries(mapped: MappedFiles, *, span: TimeSpan | None, shift_micros: int) -> Iterator[Delivery]:
    """Deliveries of all records, paced by the time between them.

    Records whose time is none, or lies outside the span, are sent at its nearer end. Raises
    `MappingError`, before the first delivery, when the mapping's SQL fails on a row.
    """
    first, last = (0, 0) if span is None else (span.first + shift_micros, span.last + shift_micros)
    for record in mapped.records(shift_micros=shift_micros):
        at = first if record.occurred_at is None else min(max(record.occurred_at, first), last)
        yield Delivery(at - first, record.topic, record.key, record.value, _headers(record))


def _headers(record: MappedRecord) -> tuple[tuple[str, bytes], ...]:
    return () if record.known_at is None else ((KNOWN_AT_HEADER, record.known_at.encode()),)
