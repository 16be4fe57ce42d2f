"""A prepared database, and the book of orders in it."""

import pytest

from pipelines.connectors.postgres import PostgresAddress, connect, migrate


@pytest.fixture
def prepared(database: PostgresAddress) -> PostgresAddress:
    """An empty database with all tables."""
    with connect(database) as connection:
        migrate(connection)
    return database
