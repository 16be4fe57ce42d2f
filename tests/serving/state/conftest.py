"""A database with feature sets, shared by the tests of a file."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import PostgresAddress, connect, migrate, open_connection
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.tables import make_tables
from serving.state.store import Store
from tests.conftest import empty_database
from tests.serving.state.postgres_store import LIVE, NAMES, running


@pytest.fixture(scope="module")
def address(stack, stack_names) -> Iterator[PostgresAddress]:
    """A database with the tables of the sets, all of which are live."""
    with empty_database(stack, stack_names) as address:
        with connect(address) as connection:
            migrate(connection)
            with connection, connection.cursor() as cursor:
                for name in NAMES:
                    make_tables(cursor, all_sets()[name])
                cursor.execute(LIVE, (1, list(NAMES)))
        yield address


@pytest.fixture(scope="module")
def cursor(address: PostgresAddress) -> Iterator[Cursor]:
    """Changes what is stored, at once."""
    with closing(open_connection(address, application="tests")) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


@pytest.fixture(scope="module")
def store(address: PostgresAddress) -> Iterator[Store]:
    """The store of most tests."""
    with running(address) as store:
        yield store
