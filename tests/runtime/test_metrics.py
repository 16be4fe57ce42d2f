"""Batch reports into Postgres, also when it is away."""

import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.runtime.watching import observe
from pipelines.runtime.watching.metrics import MetricsWriter, preview
from tests.relay import relay_to
from tests.runtime.batch_reports import NOW, bronze, letter, row, silver

NOWHERE = PostgresAddress("127.0.0.1", 1, "none", "none", "none")


def test_a_preview_is_short_text_whatever_the_bytes():
    assert preview(b"\xff\x00ab") == "\\xff\x00ab"
    assert preview(None) == ""
    assert len(preview(b"a" * 1_000_000)) == 2048


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
