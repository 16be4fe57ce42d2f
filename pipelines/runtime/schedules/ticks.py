"""When a job is due: the moments of a cron expression, or multiples of some seconds since 1970; UTC."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from pipelines.errors import SettingsError

_EPOCH = datetime.fromtimestamp(0, UTC)
_FIRST_LOOK = timedelta(minutes=1)
_FIELDS = 5


class Ticks:
    """The moments at which something is due. `text` is how they were given."""

    def __init__(self, trigger: Any, text: str) -> None:
        self._trigger = trigger
        self.text = text

    def first_from(self, moment: datetime) -> datetime | None:
        """The first that is not before the moment; none when there is none any more."""
        found: datetime | None = self._trigger.get_next_fire_time(None, moment)
        return found

    def newest(self, *, after: datetime, until: datetime) -> datetime | None:
        """The newest that is after one moment and not after the other."""
        found = self._some(after, until)
        while found is not None:
            following = self.first_from(found + timedelta(microseconds=1))
            if following is None or following > until:
                break
            found = following
        return found

    def _some(self, after: datetime, until: datetime) -> datetime | None:
        """One of the newest: looked for in ever longer times back, for a cron has no way backwards."""
        look = _FIRST_LOOK
        earliest = after + timedelta(microseconds=1)
        while True:
            begin = max(earliest, until - look)
            found = self.first_from(begin)
            if found is not None and found <= until:
                return found
            if begin == earliest:
                return None
            look *= 2


def every(seconds: int) -> Ticks:
    """Multiples of so many seconds."""
    return Ticks(IntervalTrigger(seconds=seconds, start_date=_EPOCH, timezone=UTC), f"every {seconds} s")


def cron(expression: str, *, key: str) -> Ticks:
    """The moments of `minute hour day month weekday`. Raises `SettingsError` naming the setting's `key`."""
    fields = expression.split()
    if len(fields) == _FIELDS and any(character.isdigit() for character in fields[-1].split("/")[0]):
        raise SettingsError(f"`{key}`: {expression}: write weekdays as names, such as sun or mon-fri.")
    try:
        ticks = Ticks(CronTrigger.from_crontab(expression, timezone=UTC), expression)
    except ValueError as error:
        why = " ".join(str(error).split())
        raise SettingsError(f"`{key}`: {expression} is no cron expression: {why}.") from None
    if ticks.first_from(datetime.now(UTC)) is None:
        raise SettingsError(f"`{key}`: {expression} never comes.")
    return ticks
