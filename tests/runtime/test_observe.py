"""What the readers make of reports in Postgres: freshness, rates, totals, dead letters, latest rows."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from pipelines.runtime.watching import observe
from pipelines.runtime.watching.metrics import MetricsWriter
from tests.runtime.batch_reports import NOW, bronze, letter, row, silver


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
def test_readers_say_so_when_there_is_no_schema_yet(read):
    with pytest.raises((psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName)):
        read(observe.row_totals)
