"""How queries stand: told to Postgres, and read back with the times of their batches."""

import time
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from pipelines.connectors.postgres import PostgresAddress, connect, migrate, packaged_migrations
from pipelines.runtime.watching.metrics import BatchReport, MetricsWriter, QueryState
from pipelines.runtime.watching.observe_queries import query_states
from tests.relay import relay_to

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
NOWHERE = PostgresAddress("127.0.0.1", 1, "none", "none", "none")
WAITING = QueryState(
    query="clean_silver",
    state="waiting",
    since=NOW - timedelta(minutes=3),
    seen_at=NOW,
    restarts=4,
    last_error="Kafka went away",
    retry_at=NOW + timedelta(seconds=8),
    lag_records=12_345,
    watermark=NOW - timedelta(hours=1),
    state_rows=3_000_000_000,
    state_bytes=9_000_000_000,
)
RUNNING = QueryState("land_bronze", "running", since=NOW, seen_at=NOW)


def batch(number: int, *, seconds_ago: float = 0, took: int = 400, **changes) -> BatchReport:
    committed_at = NOW - timedelta(seconds=seconds_ago)
    report = BatchReport("clean_silver", number, committed_at, took, {"silver.events": 9, "silver.orders": 1})
    return replace(report, **changes)


@pytest.fixture
def tell(database):
    """Writes states and reports, in this order, each before the next."""
    with closing(MetricsWriter(database)) as writer:

        def write(*told: QueryState | BatchReport) -> None:
            for one in told:
                writer.state(one) if isinstance(one, QueryState) else writer.record(one)
                assert writer.flush(timeout_seconds=20)

        yield write


@pytest.fixture
def read(database):
    """The queries as they stand at NOW."""

    def call():
        with connect(database, read_only=True) as connection, connection:
            return query_states(connection, now=NOW)

    return call


@pytest.mark.services
class TestStates:
    def test_all_that_was_told_is_read_back(self, tell, read):
        tell(WAITING)
        (found,) = read()
        assert {name: getattr(found, name) for name in asdict(WAITING)} == asdict(WAITING)
        assert (found.layer, found.alive_at, found.batch_id, found.batch_p50_ms) == (
            "silver",
            None,
            None,
            None,
        )
        assert (found.batches_last_minute, found.rows_last_minute) == (0, 0)

    def test_the_newest_state_of_each_query_counts_whenever_it_is_written(self, tell, read):
        later = replace(WAITING, state="running", seen_at=NOW + timedelta(seconds=2), watermark=None)
        tell(RUNNING, later, later, WAITING)
        silver, bronze = read()
        assert (silver.state, silver.seen_at, silver.watermark) == ("running", later.seen_at, None)
        assert (bronze.query, bronze.state, bronze.restarts) == ("land_bronze", "running", 0)

    def test_an_error_is_its_first_line_cut_and_storable(self, tell, read):
        tell(replace(WAITING, last_error="\n  a\0b\ud800 " + "x" * 1000 + "\n\tat org.apache.spark"))
        error = read()[0].last_error
        assert error.startswith("a\u2400b? xxx")
        assert len(error) == 400
        tell(replace(WAITING, last_error=" \n "))
        assert read()[0].last_error is None

    def test_a_state_that_is_none_is_refused_and_the_next_is_written(self, tell, read):
        with capture_logs() as logs:
            tell(replace(WAITING, state="resting"), RUNNING)
        assert [one.query for one in read()] == ["land_bronze"]
        assert [(one["event"], one["query"]) for one in logs if one["log_level"] == "warning"] == [
            ("report_refused", "clean_silver")
        ]


@pytest.mark.services
class TestBatches:
    def test_the_newest_batch_is_the_one_committed_last(self, tell, read):
        # Batch numbers begin anew when a lake was moved away.
        tell(batch(900, seconds_ago=50, took=1), batch(4, seconds_ago=2), batch(5, took=700))
        (found,) = read()
        assert (found.batch_id, found.committed_at, found.duration_ms) == (5, NOW, 700)
        assert (found.state, found.seen_at, found.restarts) == (None, None, None)

    def test_times_are_of_the_newest_twenty_batches(self, tell, read):
        tell(*(batch(n, seconds_ago=1000 - n, took=n * 100) for n in range(1, 31)))
        (found,) = read()
        assert (found.batch_p50_ms, found.batch_p95_ms, found.batch_max_ms) == (2000, 2900, 3000)
        assert (found.batches_last_minute, found.rows_last_minute) == (0, 0)

    def test_batches_and_rows_of_the_last_minute(self, tell, read):
        tell(batch(1, seconds_ago=60), batch(2, seconds_ago=59), batch(3), batch(4, rows={}))
        (found,) = read()
        assert (found.batches_last_minute, found.rows_last_minute) == (3, 20)

    def test_one_query_does_not_count_anothers_batches(self, tell, read):
        tell(batch(1, took=100), batch(7, took=900, query="land_bronze", rows={"bronze.clicks": 5}))
        silver, bronze = read()
        assert (silver.batch_max_ms, silver.rows_last_minute, silver.batch_id) == (100, 10, 1)
        assert (bronze.batch_max_ms, bronze.rows_last_minute, bronze.batch_id) == (900, 5, 7)

    def test_alive_is_the_newest_of_heartbeat_and_batch(self, database, tell, read):
        tell(batch(1, seconds_ago=5))
        assert read()[0].alive_at == NOW - timedelta(seconds=5)
        before = datetime.now(UTC)
        with closing(MetricsWriter(database)) as writer:
            writer.beat("clean_silver")
            assert writer.flush()
        assert before <= read()[0].alive_at <= datetime.now(UTC)


@pytest.mark.services
def test_queries_of_an_older_database_are_found(database, read):
    with connect(database) as connection:
        migrate(connection, migrations=packaged_migrations()[:1])
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "insert into ops.batches values ('land_bronze', 3, %s, 40, %s, '{}', '{}', 0)",
                (NOW, '{"bronze.clicks": 2}'),
            )
        migrate(connection)
    (found,) = read()
    assert (found.query, found.batch_id, found.rows_last_minute, found.alive_at) == ("land_bronze", 3, 2, NOW)


class TestAway:
    def test_telling_neither_waits_nor_raises_and_queues_one_a_query(self):
        with closing(MetricsWriter(NOWHERE)) as writer:
            started = time.monotonic()
            for number in range(20_000):
                writer.state(replace(WAITING, restarts=number))
            assert time.monotonic() - started < 2
            assert list(writer._states.values()) == [replace(WAITING, restarts=19_999)]
            assert not writer.flush(timeout_seconds=0.2)
            writer.close(timeout_seconds=1)

    @pytest.mark.services
    def test_the_newest_is_written_when_postgres_is_back(self, database, read):
        with relay_to(database.host, database.port) as relay:
            with closing(MetricsWriter(replace(database, host="127.0.0.1", port=relay.port))) as writer:
                for number in range(3):
                    writer.state(replace(WAITING, restarts=number, seen_at=NOW + timedelta(seconds=number)))
                relay.open()
                assert writer.flush(timeout_seconds=20)
            assert [one.restarts for one in read()] == [2]
