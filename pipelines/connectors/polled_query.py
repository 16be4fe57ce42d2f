"""A query of somebody's Postgres database: its columns, and its rows as JSON objects.

Postgres itself writes the JSON, so that every type of its (numeric, uuid, bytea, arrays, composites)
arrives in one documented form. All of it happens in read-only transactions.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection

from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.errors import PrerequisiteError, ServiceError, SettingsError

_APPLICATION = "clicklake poll_tables"
_FETCH_ROWS = 1_000
_CONNECT_SECONDS = 5


class PollError(ServiceError):
    """The database did not give all rows, now; it may later."""


def query_columns(address: PostgresAddress, query: str, *, setting: str, statement_seconds: int) -> list[str]:
    """Names of the query's columns; no row is read.

    Raises `SettingsError` with Postgres's sentence when it does not take the query, and
    `PrerequisiteError` when it cannot be asked.
    """
    try:
        with _session(address, statement_seconds) as connection, connection.cursor() as cursor:
            cursor.execute(f"{_named(query)} select * from {_ROW} limit 0")  # noqa: S608 - the user's own query
            return [column.name for column in cursor.description or ()]
    except psycopg2.OperationalError as error:
        raise PrerequisiteError(f"{setting}: Postgres at {address}: {_sentence(error)}.") from None
    except psycopg2.Error as error:
        raise SettingsError(f"{setting}: Postgres does not take the query: {_sentence(error)}.") from None
    except ServiceError as error:
        raise PrerequisiteError(f"{setting}: {error}") from None


def json_rows(address: PostgresAddress, query: str, *, statement_seconds: int) -> Generator[str, None, None]:
    """Every row as the text of a JSON object, from one snapshot, a thousand at a time.

    Raises `PollError` when the server cannot be reached, or fails at any row.
    """
    try:
        with (
            _session(address, statement_seconds) as connection,
            connection.cursor(name="clicklake_poll") as cursor,
        ):
            cursor.itersize = _FETCH_ROWS
            cursor.execute(f"{_named(query)} select row_to_json({_ROW})::text from {_ROW}")  # noqa: S608 - as above
            for (text,) in cursor:
                yield text
    except (psycopg2.Error, UnicodeDecodeError) as error:
        raise PollError(f"Postgres at {address} gave no rows: {_sentence(error)}.") from None
    except PollError:
        raise
    except ServiceError as error:
        raise PollError(str(error)) from None


_ROW = "_clicklake_row"


def _named(query: str) -> str:
    """The query as a named one; it may end in a semicolon or in a comment."""
    return f"with {_ROW} as (\n{query.strip().rstrip(';')}\n)"


@contextmanager
def _session(address: PostgresAddress, statement_seconds: int) -> Iterator[Connection]:
    with connect(
        address,
        application=_APPLICATION,
        timeout_seconds=_CONNECT_SECONDS,
        statement_seconds=statement_seconds,
        read_only=True,
    ) as connection:
        connection.set_client_encoding("UTF8")
        yield connection


def _sentence(error: BaseException) -> str:
    """The first line of Postgres's message: the rest draws the place with spaces."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
