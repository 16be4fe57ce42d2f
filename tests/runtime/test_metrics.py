"""Batch reports into Postgres and out again, also when Postgres is away."""

import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from structlog.testing import capture_logs

from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.runtime.watching import observe
from pipelines.runtime.watching.metrics import BatchReport, DeadLetterExample, MetricsWriter, preview
from tests.relay import relay_to

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
NOWHERE = PostgresAddress("127.0.0.1", 1, "none", "none", "none")


def row(offset: int, *, at: datetime = NOW, **columns) -> dict[str, object]:
    return {"topic": "clicks", "partition": 0, "offset": offset, "ingested_at": at, **columns}


def letter(offset: int, reason: str = "missing", **changes) -> DeadLetterExample:
    moment = NOW + timedelta(milliseconds=offset)
    example = DeadLetterExample(
        "clicks", 0, offset, moment, "validate", reason, "visitor_id", "", '{"a":1}', 7
    )
    return replace(example, **changes)


def bronze(batch_id: int = 0, **changes) -> BatchReport:
    return replace(
        BatchReport("land_bronze", batch_id, NOW, 400, {"bronze.clicks": 10}, ages_ms=[(1000, 10)]), **changes
    )


def silver(batch_id: int = 0, **changes) -> BatchReport:
    report = BatchReport(
        "clean_silver", batch_id, NOW, 900, {"silver.events": 9}, {"missing": 1}, [(3000, 9), (5000, 1)]
    )
    return replace(report, **changes)


@pytest.fixture
def record(database):
    """Writes reports and waits until they are there."""
    with closing(MetricsWriter(database)) as writer:

        def write(*reports: BatchReport) -> None:
            for report in reports:
                writer.record(report)
            assert writer.flush(timeout_seconds=20)

        yield write


@pytest.fixture
def read(database):
    """Calls a reader of `observe` with a connection."""

    def call(reader, **arguments):
        with connect(database, read_only=True) as connection, connection:
            return reader(connection, **arguments)

    return call


def test_a_preview_is_short_text_whatever_the_bytes():
    assert preview(b"\xff\x00ab") == "\\xff\x00ab"
    assert preview(None) == ""
    assert len(preview(b"a" * 1_000_000)) == 2048


@pytest.mark.services
class TestFigures:
    def test_freshness_per_layer(self, record, read):
        record(bronze(), silver())
        found = read(observe.freshness)
        assert found["bronze"].count == 10
        assert found["bronze"].mean_ms == 1000
        assert 1000 <= found["bronze"].p50_ms <= 1040
        assert found["silver"].mean_ms == 3200
        assert 3000 <= found["silver"].p50_ms <= 3120
        assert 5000 <= found["silver"].p99_ms <= 5200

    def test_freshness_since_and_until(self, record, read):
        record(bronze(0, ages_ms=[(100, 1)]), bronze(1, committed_at=NOW + timedelta(minutes=5)))
        assert read(observe.freshness, since=NOW + timedelta(minutes=1))["bronze"].mean_ms == 1000
        assert read(observe.freshness, until=NOW + timedelta(minutes=1))["bronze"].mean_ms == 100
        nothing = read(observe.freshness, since=NOW + timedelta(hours=1))["bronze"]
        assert (nothing.count, nothing.p50_ms, nothing.mean_ms) == (0, None, None)

    def test_rate_counts_events_in_the_second_they_reached_the_broker(self, record, read):
        late = NOW + timedelta(seconds=10)
        record(bronze(0, ages_ms=[(500, 3), (9_500, 7)]), bronze(1, committed_at=late, ages_ms=[(0, 2)]))
        series = read(observe.event_rate, now=late + timedelta(seconds=1), seconds=30)
        by_second = {(series.start + timedelta(seconds=i)): n for i, n in enumerate(series.per_second)}
        assert by_second[NOW - timedelta(seconds=1)] == 3
        assert by_second[NOW - timedelta(seconds=10)] == 7
        assert by_second[NOW - timedelta(seconds=5)] == 0
        assert by_second[late] is None, "bronze cannot know yet what arrives in this second"

    def test_rate_of_an_idle_stream_is_nought_not_unknown(self, database, record, read):
        record(bronze(committed_at=datetime.now(UTC) - timedelta(seconds=20)))
        with closing(MetricsWriter(database)) as writer:
            writer.beat("land_bronze")
            assert writer.flush()
        series = read(observe.event_rate, now=datetime.now(UTC), seconds=30)
        assert series.per_second[15:24] == [0] * 9

    def test_history_has_a_point_per_step(self, record, read):
        record(bronze(0), bronze(1, committed_at=NOW - timedelta(seconds=10), ages_ms=[(50, 1)]))
        points = read(observe.freshness_history, now=NOW + timedelta(seconds=4), seconds=30, step=5)["bronze"]
        assert [point.p50_ms for point in points] == [None, None, None, 50, None, points[-1].p50_ms]
        assert 1000 <= points[-1].p50_ms <= 1040

    def test_totals_ever_and_since(self, record, read):
        record(silver(0), silver(1, committed_at=NOW + timedelta(minutes=1), rows={"silver.orders": 2}))
        assert read(observe.row_totals) == {"silver.events": 9, "silver.orders": 2}
        assert read(observe.row_totals, since=NOW + timedelta(seconds=1)) == {"silver.orders": 2}
        assert read(observe.reject_totals) == {"missing": 2}
        assert read(observe.reject_totals, since=NOW + timedelta(seconds=1)) == {"missing": 1}

    def test_dead_letters_by_reason_newest_first(self, record, read):
        letters = [letter(1), letter(2), letter(3, reason="invalid_json")]
        record(silver(rejects={"missing": 2, "invalid_json": 5}, dead_letters=letters))
        first, second = read(observe.dead_letters)
        assert (first.reason, first.count, [one.offset for one in first.examples]) == ("invalid_json", 5, [3])
        assert (second.reason, second.count, [one.offset for one in second.examples]) == (
            "missing",
            2,
            [2, 1],
        )
        assert second.meaning == "a required field is absent, null or empty"
        assert second.examples == [letter(2), letter(1)]

    def test_latest_rows_keep_columns_in_their_order(self, record, read):
        record(silver(latest=[("silver.events", row(7, zebra=1, apple="x"))]))
        (found,) = read(observe.latest_rows)["silver.events"]
        columns = ["topic", "partition", "offset", "ingested_at", "zebra", "apple"]
        assert list(found.row) == columns
        assert found.row["apple"] == "x"
        assert found.ingested_at == NOW


@pytest.mark.services
class TestWriting:
    def test_twice_is_once(self, record, read):
        report = silver(latest=[("silver.events", row(1))], dead_letters=[letter(1)])
        record(report, report)
        assert read(observe.row_totals) == {"silver.events": 9}
        assert read(observe.freshness)["silver"].count == 10
        assert len(read(observe.latest_rows)["silver.events"]) == 1
        assert len(read(observe.dead_letters)[0].examples) == 1

    def test_a_batch_done_again_differently_replaces_itself(self, record, read):
        record(silver(), silver(rows={"silver.orders": 4}, rejects={}))
        assert read(observe.row_totals) == {"silver.orders": 4}
        assert read(observe.reject_totals) == {}

    def test_twenty_rows_a_table_and_letters_a_reason_stay(self, record, read):
        for start in (0, 30):
            latest = [
                ("silver.events", row(n, at=NOW + timedelta(seconds=n))) for n in range(start, start + 30)
            ]
            letters = [letter(n) for n in range(start, start + 30)]
            record(silver(start, latest=latest, dead_letters=letters))
        record(silver(99, latest=[("silver.orders", row(1, line_number=2)), ("silver.orders", row(1))]))
        tables = read(observe.latest_rows)
        assert [one.row["offset"] for one in tables["silver.events"]] == list(range(59, 39, -1))
        assert [one.row.get("line_number") for one in tables["silver.orders"]] == [2, None]
        assert [one.offset for one in read(observe.dead_letters)[0].examples] == list(range(59, 39, -1))

    def test_hostile_texts_are_kept_as_far_as_postgres_can(self, record, read):
        nasty = "a\0b\ud800<script>" + "x" * 2000
        example = letter(1, value_preview=nasty, detail="\0")
        record(silver(latest=[("silver.events", row(1, page_url=nasty))], dead_letters=[example]))
        shown = read(observe.latest_rows)["silver.events"][0].row["page_url"]
        assert shown.startswith("a\u2400b?<script>xxx")
        assert len(shown) < 500
        assert read(observe.dead_letters)[0].examples[0].value_preview.startswith("a\u2400b?<script>")

    def test_a_row_time_may_be_naive_utc_or_microseconds(self, record, read):
        micros = int(NOW.timestamp() * 1_000_000)
        rows = [row(1, at=NOW.replace(tzinfo=None)), {**row(2), "ingested_at": micros}]
        record(silver(latest=[("silver.events", one) for one in rows]))
        assert {one.ingested_at for one in read(observe.latest_rows)["silver.events"]} == {NOW}

    def test_a_report_that_cannot_be_written_does_not_stop_the_next(self, record, read):
        with capture_logs() as logs:
            record(silver(0, latest=[("silver.events", {"no": "position"})]), silver(1))
        assert read(observe.row_totals) == {"silver.events": 9}
        assert [one["event"] for one in logs if one["log_level"] == "warning"] == ["report_refused"]

    def test_old_batches_go_but_the_newest_and_the_totals_stay(self, database, record, read):
        old = NOW - timedelta(days=400)
        record(bronze(1, committed_at=old), bronze(500, committed_at=old), bronze(501, committed_at=old))
        record(bronze(1000, committed_at=datetime.now(UTC)))
        with connect(database) as connection, connection, connection.cursor() as cursor:
            cursor.execute("select batch_id from ops.batches order by 1")
            assert [number for (number,) in cursor] == [1000]
        assert read(observe.row_totals) == {"bronze.clicks": 40}


class TestAway:
    def test_recording_neither_waits_nor_raises(self):
        with capture_logs() as logs, closing(MetricsWriter(NOWHERE)) as writer:
            started = time.monotonic()
            for number in range(5000):
                writer.record(bronze(number))
            writer.beat("land_bronze")
            assert time.monotonic() - started < 1
            assert not writer.flush(timeout_seconds=0.8)
            writer.close(timeout_seconds=1)
        warnings = [one for one in logs if one["log_level"] == "warning"]
        assert [one["event"] for one in warnings] == ["metrics_not_written"]

    @pytest.mark.services
    def test_comes_back_by_itself_and_the_oldest_were_dropped(self, database, read):
        with relay_to(database.host, database.port) as relay:
            writer = MetricsWriter(replace(database, host="127.0.0.1", port=relay.port), queue_size=3)
            with closing(writer), capture_logs() as logs:
                for number in range(5):
                    writer.record(bronze(number, rows={f"bronze.t{number}": 1}))
                relay.open()
                assert writer.flush(timeout_seconds=20)
                assert set(read(observe.row_totals)) == {"bronze.t2", "bronze.t3", "bronze.t4"}
                relay.cut()
                writer.record(bronze(9, rows={"bronze.t9": 1}))
                assert not writer.flush(timeout_seconds=0.3)
                relay.open()
                assert writer.flush(timeout_seconds=20)
            assert "bronze.t9" in read(observe.row_totals)
        assert [one["count"] for one in logs if one["event"] == "reports_dropped"] == [2]


@pytest.mark.services
def test_readers_say_so_when_there_is_no_schema_yet(read):
    with pytest.raises((psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName)):
        read(observe.row_totals)


@pytest.mark.services
def test_many_writers_of_one_database_do_not_hinder_each_other(database, read):
    with connect(database) as connection:
        migrate(connection)
    writers = [MetricsWriter(database) for _ in range(4)]
    for number, writer in enumerate(writers):
        for batch in range(25):
            writer.record(replace(silver(batch), query=f"query_{number}"))
    for writer in writers:
        assert writer.flush(timeout_seconds=30)
        writer.close()
    assert read(observe.row_totals) == {"silver.events": 4 * 25 * 9}
