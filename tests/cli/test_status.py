"""`clicklake status`: how queries are judged, and the command on real services."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from rich.console import Console

from jobs.cli.main import cli
from jobs.cli.queries import Standing, age, last_errors, queries_table
from pipelines.connectors.postgres import connect
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.runtime.watching.metrics import BatchReport, MetricsWriter, QueryState
from pipelines.runtime.watching.metrics_store import write_beat
from pipelines.runtime.watching.observe_queries import ObservedQuery

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
HERE = 4711
RUNNING = ObservedQuery(
    query="clean_silver",
    layer="silver",
    alive_at=NOW - timedelta(seconds=1),
    state="running",
    since=NOW - timedelta(minutes=3),
    seen_at=NOW - timedelta(seconds=2),
    restarts=2,
    last_error=None,
    retry_at=None,
    lag_records=12_345,
    watermark=NOW - timedelta(hours=3),
    state_rows=1_000_000,
    state_bytes=9,
    committed_at=NOW,
    batch_id=7,
    duration_ms=1,
    batch_p50_ms=420,
    batch_p95_ms=1900,
    batch_max_ms=3000,
    batches_last_minute=3,
    rows_last_minute=30,
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def sentence(driver: int | None = HERE, **changes) -> str:
    return Standing(replace(RUNNING, **changes), NOW, driver).sentence


class TestJudgement:
    def test_state_with_its_age(self):
        assert sentence() == "running for 3 min"
        assert sentence(state="stopped", since=ago(40)) == "stopped for 40 s"
        assert sentence(state="failed", since=ago(7200)) == "failed for 2 h"

    def test_waiting_says_when_it_starts_again(self):
        waiting = {"state": "waiting", "since": ago(4)}
        assert sentence(**waiting, retry_at=ago(-12)) == "waiting for 4 s, next start in 12 s"
        assert sentence(**waiting, retry_at=ago(3)) == "waiting for 4 s, next start in 0 s"

    def test_a_running_query_without_heartbeat(self):
        assert sentence(alive_at=ago(40)) == "running, but no heartbeat for 40 s"
        assert sentence(alive_at=ago(15)) == "running for 3 min"
        assert sentence(alive_at=None) == "running, but no heartbeat for 3 min"
        assert sentence(alive_at=None, since=ago(5)) == "running for 5 s"
        assert sentence(alive_at=ago(40), state="stopped") == "stopped for 3 min"

    @pytest.mark.parametrize("state", ["starting", "running", "waiting"])
    def test_a_query_whose_driver_is_gone(self, state):
        silent = {"state": state, "alive_at": ago(9), "seen_at": ago(6)}
        assert sentence(None, **silent) == f"{state}, but the driver is gone"
        assert "gone" not in sentence(HERE, **silent)
        assert "gone" not in sentence(None, state=state, alive_at=ago(60), seen_at=ago(4)), "elsewhere"

    @pytest.mark.parametrize("state", ["failed", "stopped"])
    def test_a_query_that_has_ended_needs_no_driver(self, state):
        assert sentence(None, state=state, alive_at=ago(99), seen_at=ago(99)) == f"{state} for 3 min"

    def test_a_query_whose_driver_told_nothing(self):
        told_nothing = {"state": None, "since": None, "seen_at": None}
        assert sentence(**told_nothing) == "unknown, heard of 1 s ago"

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (-5, "0 s"),
            (119.9, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_800, "2 d"),
            (1e9, "11,574 d"),
        ],
    )
    def test_ages(self, seconds, shown):
        assert age(seconds) == shown


def test_the_table_has_a_cell_a_fact_and_takes_no_text_as_markup(capsys):
    unknown = replace(RUNNING, query="[red]x", lag_records=None, watermark=None, state_rows=None)
    rows = [Standing(RUNNING, NOW, HERE), Standing(replace(unknown, batch_p50_ms=None), NOW, HERE)]
    Console(width=120).print(queries_table(rows))
    full, bare = (line.split("  ") for line in capsys.readouterr().out.splitlines()[1:])
    assert [cell.strip() for cell in full if cell] == [
        "clean_silver",
        "running for 3 min",
        "12,345",
        "420/1,900",
        "3 h",
        "1,000,000",
        "2",
    ]
    assert [cell.strip() for cell in bare if cell] == ["[red]x", "running for 3 min", "2"]


def test_errors_are_short_and_printable():
    hostile = replace(RUNNING, last_error="\x1b[2Jcleared \u202e [bold]x " + "y" * 300)
    (line,) = last_errors([Standing(hostile, NOW, HERE), Standing(RUNNING, NOW, HERE)])
    assert line.startswith("last error of clean_silver: \\x1b[2Jcleared \\u202e [bold]x yyy")
    assert line.endswith("yyy...")
    assert len(line) < 240


@pytest.fixture
def status(stack_settings):
    """Runs the command on the services of `stack`."""

    def call(*arguments: str, database: str = "clicklake") -> str:
        options = ["--set", f"var_dir={stack_settings.var_dir}", "--set", f"postgres.database={database}"]
        result = CliRunner().invoke(cli, [*options, "status", *arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return call


@pytest.fixture
def told(database):
    """Two queries: one at work, one that fell; heartbeats are the caller's."""
    now = datetime.now(UTC)
    since = now - timedelta(seconds=210)
    with closing(MetricsWriter(database)) as writer:
        writer.state(QueryState("land_bronze", "running", since=since, seen_at=now, lag_records=4321))
        writer.state(QueryState("clean_silver", "failed", since=since, seen_at=now, last_error="[b]bad\nrow"))
        writer.record(BatchReport("land_bronze", 3, now, 480, rows={"bronze.clicks": 5}))
        assert writer.flush(timeout_seconds=20)
    return database


def with_heartbeat(address, *, seconds_ago: float) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    with connect(address) as connection, connection, connection.cursor() as cursor:
        cursor.execute("delete from ops.batches")
        cursor.execute("delete from ops.heartbeats")
        write_beat(cursor, "land_bronze", moment.timestamp())


@pytest.mark.services
class TestCommand:
    def test_shows_services_and_queries(self, status, told, stack_names):
        with StreamsFile(stack_names).held_by(["land_bronze"]):
            shown = status(database=told.database)
        assert shown.count("running") == 4
        bronze = next(line for line in shown.splitlines() if line.startswith("land_bronze"))
        assert "running for 3 min" in bronze
        assert "4,321" in bronze
        assert "480/480" in bronze
        assert "failed for 3 min" in shown
        assert shown.splitlines()[-1] == "last error of clean_silver: [b]bad"

    def test_a_driver_that_was_killed(self, status, told):
        with connect(told) as connection, connection, connection.cursor() as cursor:
            cursor.execute("update ops.queries set seen_at = seen_at - interval '9 seconds'")
        with_heartbeat(told, seconds_ago=9)
        assert "running, but the driver is gone" in status(database=told.database)

    def test_a_query_that_hangs(self, status, told, stack_names):
        with_heartbeat(told, seconds_ago=40)
        with StreamsFile(stack_names).held_by(["land_bronze"]):
            assert "running, but no heartbeat for 4" in status(database=told.database)

    def test_as_one_json_object(self, status, told, stack_names):
        with_heartbeat(told, seconds_ago=40)
        with StreamsFile(stack_names).held_by(["land_bronze"]):
            shown = json.loads(status("--json", database=told.database))
        assert {one["name"]: one["state"] for one in shown["services"]} == dict.fromkeys(
            ("kafka", "postgres", "mlflow"), "running"
        )
        failed, hanging = shown["queries"]
        assert (failed["query"], failed["state"], failed["last_error"]) == (
            "clean_silver",
            "failed",
            "[b]bad",
        )
        assert (hanging["lag_records"], hanging["problem"][:18]) == (4321, "no heartbeat for 4")
        assert datetime.fromisoformat(hanging["since"]).tzinfo is not None
        assert (failed["problem"], shown["queries_note"], shown["driver"] is None) == (None, None, False)

    def test_before_any_query_has_reported(self, status, database):
        assert "No streaming query has reported yet" in status(database=database.database)
        assert json.loads(status("--json", database=database.database))["queries"] == []

    def test_a_database_that_cannot_be_used(self, status):
        shown = status(database="no_such_database")
        assert "How the queries stand is not known: Postgres at" in shown
        assert 'database "no_such_database" does not exist' in shown


def test_without_postgres_it_says_so_and_all_is_well(tmp_path):
    options = ["--set", f"var_dir={tmp_path}", "status"]
    shown = CliRunner().invoke(cli, options, catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.stdout.count("stopped") == 3
    last = shown.stdout.splitlines()[-1]
    assert last == (
        "How the queries stand is not known: postgres is not running: start it with `clicklake up`."
    )
    report = json.loads(CliRunner().invoke(cli, [*options, "--json"]).stdout)
    assert (report["queries"], report["driver"], report["queries_note"]) == ([], None, last)
