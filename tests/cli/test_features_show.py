"""`clicklake features`: what the store and the lake say of an entity, as people and programs are told."""

import json
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from jobs.cli.main import cli
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.postgres import connect, migrate
from pipelines.contracts.clock import micros, moment
from pipelines.gold.features.event import table_of
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.scalar import merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.going_live import note_batch, note_live
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.tables import make_tables
from pipelines.runtime.features.upsert import upsert
from tests.runtime.features.stores import event_at, linked

MINUTE = 60_000_000
WAITING = "traffic"


@pytest.fixture
def rows():
    """A visitor with views, one of the same user who bought 25 hours ago, and one who left long ago."""
    now = time.time_ns() // 1_000
    return [
        event_at(now - 2 * MINUTE, event_id="1"),
        event_at(now - MINUTE, event_id="2", product_id="q"),
        event_at(now - 1500 * MINUTE, event_id="3", visitor_id="w", kind="purchase", quantity=1),
        event_at(now - 500 * 1440 * MINUTE, event_id="4", visitor_id="gone"),
    ]


@pytest.fixture
def store(database, rows, tmp_path):
    """An online store with these rows in every set but one; the settings that lead to it."""
    with connect(database) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            live = [one for name, one in all_sets().items() if name != WAITING]
            for one in live:
                make_tables(cursor, one)
                upsert(cursor, one, partials_of(one, table_of(rows)), batch_id=7)
            add_links(cursor, linked([("v", "u", 1), ("w", "u", 1)]))
            note_live(cursor, live, batch_id=0)
            note_batch(cursor, 7, positions={("clicks", 0): 4}, is_exact=True)
    (tmp_path / "password").write_text(database.password)
    where = {"host": database.host, "port": database.port, "database": database.database}
    given = where | {"user": database.user, "password": f"${{file:{tmp_path / 'password'}}}"}
    return [f"var_dir={tmp_path / 'var'}", *(f"postgres.{key}={value}" for key, value in given.items())]


def called(settings, *arguments):
    options = [text for one in settings for text in ("--set", one)]
    return CliRunner().invoke(cli, [*options, "features", *arguments])


def shown(settings, *arguments):
    result = called(settings, *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.mark.services
class TestNow:
    @pytest.mark.parametrize(
        ("arguments", "whose"),
        [
            (["visitor", "v"], {"v"}),
            (["session", "v", "s"], {"v"}),
            (["user", "u"], {"v", "w"}),
            (["user_product", "u", "p"], {"v", "w"}),
        ],
    )
    def test_it_is_what_the_events_add_up_to(self, store, rows, arguments, whose):
        found = json.loads(shown(store, "show", *arguments, "--format", "json"))
        product = found["key"].get("product_id")
        mine = [
            row
            for row in rows
            if row["visitor_id"] in whose and (product is None or row["product_id"] == product)
        ]
        at = micros(datetime.fromisoformat(found["at"]))
        for name, said in found["sets"].items():
            one = all_sets()[name]
            assert said["values"] == values(one, merged(one, (state_of(one, row) for row in mine)), at=at)
            assert not said["is_expired"]
            assert said["last_event_at"] == moment(max(row["occurred_at"] for row in mine)).isoformat()
        assert found["batch"]["batch_id"] == 7
        assert 0 <= found["batch"]["age_seconds"] < 60

    def test_who_has_expired_reads_as_never_seen_and_is_said_to_have(self, store):
        found = json.loads(shown(store, "show", "visitor", "w", "--format", "json"))
        assert {name: one["is_expired"] for name, one in found["sets"].items()} == {
            "twin": True,
            "user": False,
        }
        assert found["not_live"] == [WAITING]
        text = shown(store, "show", "visitor", "w")
        assert text.startswith("Online store, batch 7, ")
        assert "\ntraffic is not live: `clicklake run build_features traffic` builds its history.\n" in text
        assert "twin v1: last event " in text
        assert text.count("it has expired, and reads as never seen.") == 1

    def test_a_table_has_a_line_per_feature_and_a_column_per_window(self, store):
        lines = [line.split() for line in shown(store, "show", "visitor", "v").splitlines()]
        (header,) = (line for line in lines if line[:1] == ["feature"] and "1h" in line)
        assert header == ["feature", "all", "1h", "24h", "7d", "30d", "meaning"]
        assert ["views", "2", "2", "2", "2", "2"] in [line[:6] for line in lines]
        assert ["carts_per_view", "0", "0", "0", "0", "0"] in [line[:6] for line in lines]
        assert ["viewed_product", "yes"] in [line[:2] for line in lines]
        assert ["searched", "no"] in [line[:2] for line in lines]

    def test_a_stranger_is_one_sentence(self, store):
        result = called(store, "show", "product", "nothing")
        assert (result.exit_code, result.stdout) == (1, "")
        assert str(result.exception) == ("nothing is known of product nothing now, by the online store.")

    def test_the_list_tells_how_fresh_each_set_is(self, store):
        lines = {line.split()[0]: line for line in shown(store).splitlines()}
        assert "newest batch" in lines["set"]
        assert " ago " in lines["twin"]
        assert lines["twin"].split(" ago ")[1].split()[:2] == ["3", "2"]
        assert lines["user"].split(" ago ")[1].split()[:2] == ["3", "1"]
        assert "not live" in lines[WAITING]
        (of_twin,) = shown(store, "list", "--set", "twin", "--format", "json").splitlines()
        fresh = json.loads(of_twin)["freshness"]
        assert (fresh["entities"], fresh["expired"], fresh["is_estimate"]) == (3, 2, False)

    def test_before_any_driver_ran_it_is_one_sentence(self, store, database):
        with connect(database) as connection, connection, connection.cursor() as cursor:
            cursor.execute("drop schema features cascade")
        result = called(store, "show", "visitor", "v")
        assert "has no features yet; the query update_features makes them." in str(result.exception)
        assert "newest batch" not in shown(store)


class TestThen:
    def test_what_was_known_is_recomputed_without_services(self, tiny_lake):
        newest = (
            "select visitor_id, max(known_at) as at from silver.events group by 1 order by count(*) desc, 1"
        )
        row = LakeReader(tiny_lake.names).rows(newest)[0]
        arguments = ("show", "visitor", row["visitor_id"], "--as-of")
        then = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
        text = shown(tiny_lake.settings(), *arguments, then)
        assert text.startswith(f"Recomputed from the lake, by what had arrived before {then}.\n")
        found = json.loads(shown(tiny_lake.settings(), *arguments, then, "--format", "json"))
        later = json.loads(shown(tiny_lake.settings(), *arguments, "2025-10-12", "--format", "json"))
        events = [one["sets"]["user"]["values"]["events"] for one in (found, later)]
        assert events[0] < events[1]
        assert "batch" not in found

    @pytest.mark.parametrize("then", ["2020-01-01T00:00:00Z", "2020-01-01 00:00", "2020-01-01"])
    def test_before_the_first_arrival_nothing_is_known(self, tiny_lake, then):
        result = called(tiny_lake.settings(), "show", "product", "p", "--as-of", then)
        assert result.exit_code == 1
        assert str(result.exception) == (
            "nothing is known of product p at 2020-01-01T00:00:00+00:00, by what had arrived in the lake."
        )

    def test_a_time_that_is_none_is_refused(self, tiny_lake):
        result = called(tiny_lake.settings(), "show", "product", "p", "--as-of", "yesterday")
        assert result.exit_code == 2

    def test_an_empty_key_is_refused(self, tiny_lake):
        result = called(tiny_lake.settings(), "show", "product", "")
        assert result.exit_code != 0
        assert "a product is named by product_id: none of them may be empty." in str(result.exception)
