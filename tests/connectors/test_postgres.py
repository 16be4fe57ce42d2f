"""Migrations and connections, against a real server."""

import threading

import pytest

from pipelines.connectors.postgres import (
    Migration,
    PostgresAddress,
    connect,
    migrate,
    packaged_migrations,
)
from pipelines.errors import ServiceError

FIRST = Migration(1, "0001_first.sql", "create table ops.first (a integer)")
SECOND = Migration(2, "0002_second.sql", "create table ops.second (a integer)")
ALL = [migration.name for migration in packaged_migrations()]


def tables(address) -> set[str]:
    with connect(address) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select table_name from information_schema.tables where table_schema = 'ops'")
        return {name for (name,) in cursor}


def test_packaged_migrations_are_numbered_without_holes():
    numbers = [migration.number for migration in packaged_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert packaged_migrations()[0].name == "0001_ops.sql"


def test_an_address_does_not_show_its_password():
    address = PostgresAddress("db.example", 5432, "shop", "reader", "hunter2")
    assert "hunter2" not in f"{address!r} {address}"


def test_a_server_that_is_not_there_is_one_sentence():
    nowhere = PostgresAddress("127.0.0.1", 1, "shop", "reader", "hunter2")
    with (
        pytest.raises(
            ServiceError, match=r"^Postgres at reader@127\.0\.0\.1:1/shop cannot be used"
        ) as caught,
        connect(nowhere),
    ):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.services
class TestMigrate:
    def test_twice_applies_once(self, database):
        with connect(database) as connection:
            assert migrate(connection) == ALL
            assert migrate(connection) == []
        assert {"batches", "totals", "heartbeats", "dead_letters_recent", "latest_rows"} <= tables(database)

    def test_only_the_missing_ones_are_applied(self, database):
        with connect(database) as connection:
            migrate(connection, migrations=[FIRST])
            assert migrate(connection, migrations=[FIRST, SECOND]) == ["0002_second.sql"]
        assert tables(database) == {"migrations", "first", "second"}

    def test_many_at_once_apply_once(self, database):
        applied: list[list[str]] = []

        def work() -> None:
            with connect(database) as connection:
                applied.append(migrate(connection))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(name for names in applied for name in names) == ALL

    def test_a_changed_file_is_refused_by_name(self, database):
        with connect(database) as connection:
            migrate(connection, migrations=[FIRST])
            changed = Migration(1, FIRST.name, FIRST.sql + " ")
            with pytest.raises(ServiceError, match=r"0001_first\.sql was changed after it was applied"):
                migrate(connection, migrations=[changed, SECOND])
        assert "second" not in tables(database)

    def test_a_database_of_a_newer_version_is_refused(self, database):
        with connect(database) as connection:
            migrate(connection, migrations=[FIRST, SECOND])
            with pytest.raises(ServiceError, match=r"0002_second\.sql, which this version does not know"):
                migrate(connection, migrations=[FIRST])

    def test_a_migration_that_fails_leaves_nothing_of_itself(self, database):
        broken = Migration(2, "0002_broken.sql", "create table ops.half (a integer); select 1/0")
        with connect(database) as connection:
            with pytest.raises(Exception, match="division by zero"):
                migrate(connection, migrations=[FIRST, broken])
            assert migrate(connection, migrations=[FIRST, SECOND]) == ["0002_second.sql"]
        assert tables(database) == {"migrations", "first", "second"}

    def test_a_read_only_connection_cannot_write(self, database):
        with connect(database, read_only=True) as connection, pytest.raises(Exception, match="read-only"):
            migrate(connection)
