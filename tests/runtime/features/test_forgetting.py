"""Old rows of the online store are deleted by the age of what the lake was told last."""

from datetime import UTC, datetime

import pytest

from jobs import trim_features
from jobs.entry import run_job
from pipelines.connectors.postgres import connect, migrate
from pipelines.gold.features.event import table_of
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.forgetting import forget_all
from pipelines.runtime.features.tables import drop_tables, make_tables
from pipelines.runtime.features.upsert import upsert
from pipelines.settings import load_settings
from tests.gold.features.shop import BEGIN, DAY
from tests.runtime.features.stores import event_at

pytestmark = pytest.mark.services
OLD = ("user", BEGIN)


@pytest.fixture
def forgotten(database):
    """Lifetimes that are forgotten at a moment, by set, of a store that holds these events."""

    def found(now: int, *rows: tuple[str, int]) -> dict[str, int]:
        with connect(database) as connection:
            migrate(connection)
            with connection, connection.cursor() as cursor:
                for name in ("user", "session"):
                    drop_tables(cursor, all_sets()[name])
                    make_tables(cursor, all_sets()[name])
                for name, moment in rows:
                    one = all_sets()[name]
                    upsert(cursor, one, partials_of(one, table_of([event_at(moment)])), batch_id=1)
            moment = datetime.fromtimestamp(now // 1_000_000, UTC)
            counts = forget_all(connection, now=moment, keep_days=400)
            return {name: one.lifetimes for name, one in counts.items()}

    return found


@pytest.mark.parametrize(
    ("now", "newest", "expected"),
    [
        pytest.param(3000, 0, 0, id="data of long ago, read today"),
        pytest.param(3000, 407, 0, id="400 days and a week"),
        pytest.param(3000, 408, 1, id="a day more"),
        pytest.param(407, 408, 0, id="an event of the future makes none old"),
    ],
)
def test_ages_are_counted_from_the_newest_event_of_any_set(forgotten, now, newest, expected):
    found = forgotten(BEGIN + now * DAY, OLD, ("session", BEGIN + newest * DAY))
    assert found == {"user": expected, "session": 0}


def test_an_empty_store_is_no_fault(forgotten):
    assert forgotten(BEGIN) == {"user": 0, "session": 0}


def test_without_tables_the_job_says_what_is_missing(database, tmp_path, capsys):
    (tmp_path / "password").write_text(database.password)
    where = {"host": database.host, "port": database.port, "database": database.database}
    given = where | {"user": database.user, "password": f"${{file:{tmp_path / 'password'}}}"}
    settings = load_settings(overrides=[f"postgres.{key}={value}" for key, value in given.items()])
    assert run_job(trim_features.run, [], settings=settings) == 1
    assert "no tables of features yet" in capsys.readouterr().err
