"""A database with a few orders in it, and what its roles open it with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.connectors.roles import address_of, prepare_database
from pipelines.runtime.embedded.passwords import role_passwords
from pipelines.settings import Settings
from tests.dashboards.feature_rows import fill_features

ROWS = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.sql"))]


@pytest.fixture
def passwords(stack_settings: Settings, stack_names: Names) -> dict[str, str]:
    return role_passwords(stack_settings.postgres, stack_names)


@pytest.fixture
def prepared(database: PostgresAddress, passwords: dict[str, str]) -> PostgresAddress:
    """An empty database with all tables, views and roles; its owner's address."""
    with connect(database) as connection:
        prepare_database(connection, passwords=passwords)
    return database


@pytest.fixture
def shop(prepared: PostgresAddress) -> PostgresAddress:
    """The same with this folder's SQL files and `feature_rows`: every panel has something to say."""
    with connect(prepared) as connection, connection, connection.cursor() as cursor:
        for statements in ROWS:
            cursor.execute(statements)
        fill_features(cursor)
    return prepared


@pytest.fixture
def role(prepared: PostgresAddress, passwords: dict[str, str]) -> Callable[[str], PostgresAddress]:
    """The address of a role in the prepared database."""
    return lambda name: address_of(prepared, role=name, password=passwords[name])
