"""How `clicklake status` shows the streaming queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from pipelines.runtime.watching.observe_queries import ObservedQuery

_QUIET_SECONDS = 15
_GONE_SECONDS = 5
_ERROR_CHARACTERS = 200
_COLUMNS = ("query", "state", "lag", "batch ms, p50/p95", "watermark age", "state rows", "restarts")
_AT_WORK = ("starting", "running", "waiting")


@dataclass(frozen=True)
class Standing:
    """A query as it stands at `now`; `driver`: the process that runs queries on this machine, if any."""

    query: ObservedQuery
    now: datetime
    driver: int | None

    @property
    def problem(self) -> str | None:
        """What makes the state told untrue by now, or none."""
        if self.query.state not in _AT_WORK:
            return None
        # A driver on another machine has no file here, but its signs of life are seen.
        signs = [moment for moment in (self.query.alive_at, self.query.seen_at) if moment is not None]
        if self.driver is None and self._since(max(signs)) > _GONE_SECONDS:
            return "the driver is gone"
        heard = self.query.alive_at or self.query.since
        if self.query.state == "running" and heard and self._since(heard) > _QUIET_SECONDS:
            return f"no heartbeat for {age(self._since(heard))}"
        return None

    @property
    def sentence(self) -> str:
        """The state with its age, or what makes it untrue."""
        if self.query.state is None or self.query.since is None:
            return f"unknown, heard of {age(self._since(self.query.alive_at))} ago"
        if self.problem:
            return f"{self.query.state}, but {self.problem}"
        shown = f"{self.query.state} for {age(self._since(self.query.since))}"
        if self.query.state == "waiting" and self.query.retry_at is not None:
            shown += f", next start in {age(-self._since(self.query.retry_at))}"
        return shown

    def cells(self) -> Iterator[str]:
        """One text per column of the table."""
        one = self.query
        yield one.query
        yield self.sentence
        yield _count(one.lag_records)
        yield "" if one.batch_p50_ms is None else f"{one.batch_p50_ms:,}/{one.batch_p95_ms:,}"
        yield "" if one.watermark is None else age(self._since(one.watermark))
        yield _count(one.state_rows)
        yield _count(one.restarts)

    def _since(self, moment: datetime | None) -> float:
        return (self.now - moment).total_seconds() if moment else 0.0


def queries_table(standings: list[Standing]) -> Table:
    """One row per query."""
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(_COLUMNS):
        table.add_column(column, justify="left" if place < 2 else "right", overflow="fold")
    for standing in standings:
        table.add_row(*(Text(cell) for cell in standing.cells()))
    return table


def last_errors(standings: list[Standing]) -> Iterator[str]:
    """One line per query that had a fault. Text from outside: what cannot be printed shows by its code."""
    for standing in standings:
        error = standing.query.last_error
        if error is not None:
            shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in error)
            cut = shown if len(shown) <= _ERROR_CHARACTERS else f"{shown[:_ERROR_CHARACTERS]}..."
            yield f"last error of {standing.query.query}: {cut}"


def age(seconds: float) -> str:
    """A length of time for people, in whole seconds, minutes, hours or days; never below nought."""
    whole = max(0, int(seconds))
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if whole < most:
            return f"{whole // length} {unit}"
    return f"{whole // 86_400:,} d"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
