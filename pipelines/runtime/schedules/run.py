"""The scheduler: what is due is run, one job at a time, until it is asked to stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from pipelines.errors import ServiceError
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.schedules.due import next_job, next_moment
from pipelines.runtime.schedules.ledger import Ledger
from pipelines.runtime.schedules.plan import Planned
from pipelines.runtime.schedules.running import Outcome, Runner, Wait

log = structlog.get_logger(__name__)
_LONGEST_SLEEP_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_STILL_RUNNING_SECONDS = 5.0
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Scheduler:
    """Runs the jobs of a plan. `wait` is told to end, and `clock` is looked at, by who makes it."""

    plan: Sequence[Planned]
    ledger: Ledger
    runner: Runner
    wait: Wait
    clock: Clock = utc_now

    def run_due(self) -> int:
        """Run what is due at this moment, each job once; how many runs did not end well, broken off ones too.

        Raises `ServiceError` when Postgres cannot be used: nothing is run that is not noted.
        """
        failed, began = 0, self.clock()
        self.ledger.open(self._jobs, now=began)
        while (code := self._run_next(began)) is not None:
            failed += code
            if self.wait(0):
                break
        return failed

    def run_until_stopped(self) -> None:
        """Run what is due whenever it is; outages of Postgres are waited for, but not at the start."""
        self.ledger.open(self._jobs, now=self.clock())
        failures, stopped = 0, False
        while not stopped:
            try:
                busy = self._run_next(self.clock()) is not None
                failures, seconds = 0, 0.0 if busy else self._until_next()
            except ServiceError as error:
                failures += 1
                seconds = pause_after(failures, first=_FIRST_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS)
                log.warning("schedules_wait", why=str(error), next_try_seconds=seconds)
            stopped = self.wait(seconds)

    @property
    def _jobs(self) -> list[str]:
        return [one.job for one in self.plan]

    def _run_next(self, now: datetime) -> int | None:
        """Run the next job that is due at `now`: 0 when it ended well, else 1; none when nothing is due."""
        found = next_job(self.plan, self.ledger.past(self._jobs), now)
        if found is None:
            return None
        job, due_at = found
        while self.runner.is_running(job):
            if self.wait(_STILL_RUNNING_SECONDS):
                return None
        started_at = self.clock()
        self.ledger.begin(job, due_at, now=started_at)
        log.info("job_starts", job=job, due_at=due_at.isoformat())
        outcome = self.runner.run(next(one for one in self.plan if one.job == job), wait=self.wait)
        told = log.info if outcome.exit_code == 0 else log.warning
        told("job_ended", job=job, exit_code=outcome.exit_code, last_line=outcome.last_line)
        self._note_end(job, due_at, started_at, outcome)
        return int(outcome.exit_code != 0)

    def _note_end(self, job: str, due_at: datetime, started_at: datetime, outcome: Outcome) -> None:
        """Write how it ended, waiting for Postgres: a job that is done must not be done again."""
        ended_at, failures = self.clock(), 0
        while True:
            try:
                self.ledger.end(
                    job,
                    due_at,
                    started_at=started_at,
                    now=ended_at,
                    exit_code=outcome.exit_code,
                    last_line=outcome.last_line,
                )
            except ServiceError as error:
                failures += 1
                log.warning("run_not_noted", job=job, why=str(error))
                pause = pause_after(failures, first=_FIRST_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS)
                if self.wait(pause):
                    return
            else:
                return

    def _until_next(self) -> float:
        """Seconds to sleep; never long, for the machine may be asleep too, or its clock be set."""
        now = self.clock()
        following = next_moment(self.plan, self.ledger.past(self._jobs), now)
        if following is None:
            return _LONGEST_SLEEP_SECONDS
        return min(_LONGEST_SLEEP_SECONDS, max(0.0, (following - now).total_seconds()))
