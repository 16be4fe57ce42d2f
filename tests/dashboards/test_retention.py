"""Old minutes are removed from the tables by minute, and nothing else, on a real server."""

import json
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jobs import trim_dashboards
from jobs.entry import run_job
from pipelines.connectors.postgres import connect
from pipelines.runtime.attribution.minutes import PER_MINUTE, recount
from pipelines.runtime.attribution.retention import trim_minutes
from pipelines.settings import Secret
from tests.dashboards.test_roles import asked

HOUR = timedelta(hours=1)


def counts(address) -> dict[str, int]:
    return {table: asked(address, f"select count(*) from gold.{table}")[0][0] for table in PER_MINUTE}


def trim(address, *, keep, now=None) -> dict[str, int]:
    with connect(address) as connection:
        return trim_minutes(connection, keep=keep, now=now or datetime.now(UTC))


def marks(address) -> set[datetime]:
    found = dict(asked(address, "select table_name, kept_since from gold.retention"))
    assert set(found) in (set(), set(PER_MINUTE))
    return set(found.values())


@pytest.mark.services
class TestTrim:
    def test_removes_what_is_older_once_and_notes_since_when_it_keeps(self, shop):
        before, orders = counts(shop), asked(shop, "select * from gold.orders order by 1")
        now = datetime.now(UTC)
        keep = timedelta(minutes=10)
        removed = trim(shop, keep=keep, now=now)
        assert removed["revenue"] == 3
        assert removed["fail_count"] == 1
        assert counts(shop) == {table: before[table] - removed[table] for table in PER_MINUTE}
        (since,) = marks(shop)
        assert since == (now - keep).replace(second=0, microsecond=0)
        for table in PER_MINUTE:
            assert asked(shop, f"select count(*) from gold.{table} where minute < %s", (since,)) == [(0,)]
        assert asked(shop, "select * from gold.orders order by 1") == orders
        assert trim(shop, keep=keep, now=now) == dict.fromkeys(PER_MINUTE, 0)
        assert marks(shop) == {since}

    def test_a_longer_time_does_not_promise_what_is_gone(self, shop):
        trim(shop, keep=timedelta(minutes=5))
        before = marks(shop)
        trim(shop, keep=48 * HOUR)
        assert marks(shop) == before

    def test_a_minute_that_is_gone_takes_no_correction(self, shop):
        trim(shop, keep=timedelta(minutes=10))
        after = counts(shop)
        minutes = [
            minute
            for (minute,) in asked(shop, "select ordered_minute from gold.orders where order_id = 'o1'")
        ]
        with connect(shop) as connection, connection, connection.cursor() as cursor:
            recount(cursor, orders=minutes, failures=[])
        assert counts(shop) == after

    def test_a_first_trim_waits_for_the_minute_that_is_being_counted(self, shop):
        """Nobody has noted a mark yet, so that there is no row to wait for."""
        minutes = [
            minute
            for (minute,) in asked(shop, "select ordered_minute from gold.orders where order_id = 'o1'")
        ]
        with connect(shop) as connection:
            with connection.cursor() as cursor:
                recount(cursor, orders=minutes, failures=[])
            trimming = threading.Thread(target=trim, args=(shop,), kwargs={"keep": timedelta(minutes=10)})
            trimming.start()
            trimming.join(0.5)
            assert trimming.is_alive()
            connection.commit()
            trimming.join(10)
        (since,) = marks(shop)
        assert asked(shop, "select count(*) from gold.source_count where minute < %s", (since,)) == [(0,)]

    def test_the_job_keeps_the_hours_of_the_settings(self, shop, stack_settings, capsys):
        here = msgspec.structs.replace(
            stack_settings.postgres,
            host=shop.host,
            port=shop.port,
            database=shop.database,
            password=Secret(shop.password),
        )
        kept = msgspec.structs.replace(stack_settings.attribution, keep_minutes_hours=1)
        settings = msgspec.structs.replace(stack_settings, postgres=here, attribution=kept)
        old = "date_trunc('minute', now()) - interval '61 minutes'"
        asked(shop, f"insert into gold.fail_count values ({old}, 'old', 1)")
        assert run_job(trim_dashboards.run, [], settings=settings) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["table"]: line["removed"] for line in lines if line["removed"]} == {"gold.fail_count": 1}
        asked(shop, "drop schema gold cascade")
        assert run_job(trim_dashboards.run, [], settings=settings) == 1
        assert "no tables of dashboards yet" in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["0", "-1", "two days", "null"])
def test_bad_settings_are_refused_before_anything_is_removed(hours, monkeypatch, capsys):
    monkeypatch.setenv("CLICKLAKE_SET", f"attribution.keep_minutes_hours={hours}")
    assert run_job(trim_dashboards.run, []) == 2
    assert "attribution.keep_minutes_hours" in capsys.readouterr().err
