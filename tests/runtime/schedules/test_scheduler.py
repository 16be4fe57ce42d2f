"""The scheduler with real processes and a real Postgres, by a clock of the test's own."""

import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from jobs.cli.main import cli
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect
from pipelines.errors import ServiceError
from pipelines.runtime.schedules.ledger import LONGEST_LINE, Ledger
from pipelines.runtime.schedules.plan import Planned
from pipelines.runtime.schedules.run import Scheduler
from pipelines.runtime.schedules.running import Runner
from pipelines.runtime.schedules.ticks import cron, every

pytestmark = pytest.mark.services
MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TWO = cron("0 2 * * *", key="k")
CHAIN = [Planned("first", TWO), Planned("then", TWO, after=("first",))]
WORK = "import sys, pathlib; name = sys.argv[2]; pathlib.Path('{done}').open('a').write(name + ' ');"


class Days:
    """A scheduler that is started anew at each moment, with jobs that write their names into a file."""

    def __init__(self, database, folder, plan=CHAIN):
        self.ledger, self.plan, self._done = Ledger(database), plan, folder / "done"
        self.names = Names.of(var_dir=str(folder), lake=None)
        self.code = WORK.format(done=self._done)

    def at(self, moment, *, code: str = "", wait=lambda _: False) -> Scheduler:
        runner = Runner(
            self.names, environment=os.environ, program=(sys.executable, "-c", f"{self.code}{code}")
        )
        return Scheduler(self.plan, self.ledger, runner, wait=wait, clock=lambda: moment)

    def done(self) -> str:
        """The jobs that were run since this was last asked."""
        text = self._done.read_text() if self._done.exists() else ""
        self._done.unlink(missing_ok=True)
        return text.strip()


@pytest.fixture
def days(database, tmp_path):
    return Days(database, tmp_path)


def test_what_was_missed_is_done_once_at_the_start(days):
    assert days.at(MIDNIGHT).run_due() == 0
    assert days.done() == ""
    assert days.at(MIDNIGHT + 40 * DAY).run_due() == 0
    assert days.done() == "first then"
    assert days.at(MIDNIGHT + 40 * DAY + HOUR).run_due() == 0
    assert days.done() == ""
    past = days.ledger.past(["first", "then"])
    assert past["then"].due_at == MIDNIGHT + 39 * DAY + 2 * HOUR
    assert (past["then"].since, past["then"].exit_code, past["then"].tries) == (MIDNIGHT, 0, 1)


def test_a_job_waits_for_one_that_fails_until_it_has_succeeded(days):
    days.at(MIDNIGHT).run_due()
    failing = "sys.stderr.write('no room\\x00' + 'x' * 999); sys.exit(1)"
    assert days.at(MIDNIGHT + 2 * HOUR, code=failing).run_due() == 1
    assert days.done() == "first"
    failed = days.ledger.past(["first"])["first"]
    assert (failed.exit_code, failed.succeeded_for) == (1, None)
    assert failed.last_line is not None
    assert failed.last_line.startswith("no roomx")
    assert len(failed.last_line) == LONGEST_LINE
    assert days.at(MIDNIGHT + 2.1 * HOUR).run_due() == 0
    assert days.done() == ""
    assert days.at(MIDNIGHT + 3 * HOUR).run_due() == 0
    assert days.done() == "first then"


def test_a_run_is_broken_off_with_its_scheduler_and_done_by_the_next(days):
    days.at(MIDNIGHT).run_due()
    stop = threading.Event()
    scheduler = days.at(MIDNIGHT + 2 * HOUR, code="import time; time.sleep(60)", wait=stop.wait)
    threading.Timer(1.0, stop.set).start()
    began = time.monotonic()
    scheduler.run_until_stopped()
    assert time.monotonic() - began < 20
    broken = days.ledger.past(["first"])["first"]
    assert (broken.exit_code, broken.last_line) == (None, "stopped with its scheduler")
    assert days.at(MIDNIGHT + 2.01 * HOUR).run_due() == 0
    assert days.done().split()[-2:] == ["first", "then"]


def test_a_run_whose_scheduler_was_killed_is_told_and_done_again(days):
    days.at(MIDNIGHT).run_due()
    due = MIDNIGHT + 2 * HOUR
    days.ledger.begin("first", due, now=due)
    assert days.at(due + HOUR).run_due() == 0
    assert days.done() == "first then"
    assert days.ledger.past(["first"])["first"].tries == 2


def test_once_runs_each_job_once_however_soon_it_is_due_again(database, tmp_path):
    days = Days(database, tmp_path, [Planned("often", every(1))])
    days.at(MIDNIGHT).run_due()
    moments = iter(MIDNIGHT + timedelta(seconds=n) for n in range(10, 100))
    scheduler = days.at(MIDNIGHT)
    object.__setattr__(scheduler, "clock", lambda: next(moments))
    assert scheduler.run_due() == 0
    assert days.done() == "often"


def test_it_goes_on_until_it_is_stopped(database, tmp_path):
    days = Days(database, tmp_path, [Planned("often", every(1))])
    moments = iter(MIDNIGHT + timedelta(seconds=n / 4) for n in range(10_000))
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        time.sleep(0.05 if seconds == 0.5 else 0)
        return len(days._done.read_text().split()) >= 3 if days._done.exists() else False

    scheduler = days.at(MIDNIGHT, wait=wait)
    object.__setattr__(scheduler, "clock", lambda: next(moments))
    scheduler.run_until_stopped()
    assert days.done() == "often often often"
    assert any(0 < seconds <= 1 for seconds in waits)


def test_nothing_is_run_that_cannot_be_noted(days, database):
    days.at(MIDNIGHT).run_due()
    with connect(database) as connection, connection, connection.cursor() as cursor:
        cursor.execute("alter table ops.scheduled_runs add constraint full_up check (false)")
    with pytest.raises(ServiceError, match="full_up"):
        days.at(MIDNIGHT + 2 * HOUR).run_due()
    assert days.done() == ""


def test_the_newest_runs_are_kept(days, database):
    days.ledger.open(["first"], now=MIDNIGHT)
    for job in ("first", "then"):
        with connect(database) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                """insert into ops.scheduled_runs (job, due_at, started_at)
                select %s, tick, tick from generate_series(%s, %s, interval '1 hour') as tick""",
                (job, MIDNIGHT, MIDNIGHT + (203 if job == "first" else 9) * HOUR),
            )
    last = MIDNIGHT + 204 * HOUR
    days.ledger.begin("first", last, now=last)
    days.ledger.end("first", last, started_at=last, now=last, exit_code=0, last_line="")
    with connect(database) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select count(*), min(due_at) from ops.scheduled_runs group by job order by job")
        assert cursor.fetchall() == [(200, MIDNIGHT + 5 * HOUR), (10, MIDNIGHT)]


def test_the_command_shows_how_each_job_ended(database, tmp_path):
    ledger = Ledger(database)
    where = {"host": database.host, "port": database.port, "database": database.database}
    sets = [f"postgres.{key}={value}" for key, value in (where | {"user": database.user}).items()]
    (tmp_path / "password").write_text(database.password)
    sets += [f"postgres.password=${{file:{tmp_path / 'password'}}}", "schedules.build_marts=null"]
    sets += [f"var_dir={tmp_path / 'var'}"]
    options = [word for one in sets for word in ("--set", one)]

    def shown() -> str:
        result = CliRunner().invoke(cli, [*options, "schedules"], catch_exceptions=False)
        return " ".join(result.output.split())

    assert "snapshot_features 30 0 * * * " in shown()
    now = datetime.now(UTC)
    ledger.open(["settle_attribution", "roll_up_features", "snapshot_features"], now=now - 9 * DAY)
    for job, code in (("settle_attribution", 0), ("snapshot_features", 1)):
        ledger.begin(job, now - 2 * DAY, now=now)
        ledger.end(
            job, now - 2 * DAY, started_at=now, now=now + 5 * DAY, exit_code=code, last_line="[b]it\x1b"
        )
    text = shown()
    assert "432000 s well: [b]it\\x1b" in text
    assert "exit code 1: [b]it\\x1b" in text
    assert "waits for snapshot_features never run" in text
    assert "build_marts is off." in text
