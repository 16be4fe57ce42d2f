"""What is to be polled, from the settings; all that can be wrong is told before anything is read."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipelines.connectors.polled_query import query_columns
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError
from pipelines.runtime.polling.table import PolledTable
from pipelines.settings.tree import Poll, PolledPostgres


def polled_tables(polls: Sequence[Poll]) -> list[PolledTable]:
    """The tables to poll. Raises `SettingsError` when there are none, or one has a wrong topic."""
    if not polls:
        raise SettingsError(
            "polls names no table: give it a list such as "
            '[{topic: users, query: "select id as user_id, name from customers"}].'
        )
    for topic, count in Counter(poll.topic for poll in polls).items():
        if count > 1:
            raise SettingsError(
                f"polls: the topic `{topic}` has {count} queries, and each would delete the other's keys: "
                "put them into one by `union all`."
            )
    return [_table(poll) for poll in polls]


def _table(poll: Poll) -> PolledTable:
    compacted = {topic.name: topic for topic in all_topics().values() if topic.compacted}
    if poll.topic not in compacted:
        why = "keeps events, not versions" if poll.topic in all_topics() else "does not exist"
        raise SettingsError(
            f"polls: the topic `{poll.topic}` {why}; tables can be polled into {', '.join(compacted)}."
        )
    return PolledTable(compacted[poll.topic], poll.query, poll.every_seconds, poll.deletes)


def polled_address(polled: PolledPostgres, own: Callable[[], PostgresAddress]) -> PostgresAddress:
    """Where the tables are; `own` finds clicklake's server. Raises `SettingsError` on half an address."""
    if polled.host is None:
        address = own()
        return replace(address, database=polled.database or address.database)
    if polled.database is None or polled.user is None or polled.password is None:
        raise SettingsError(
            "polled_postgres.host names a server: set polled_postgres.database, user and password too "
            "(the password for example to ${env:NAME})."
        )
    return PostgresAddress(polled.host, polled.port, polled.database, polled.user, polled.password.reveal())


def check_query(table: PolledTable, address: PostgresAddress) -> None:
    """Ask the database for the query's columns.

    Raises `SettingsError` on wrong SQL or a column too few or twice, `PrerequisiteError` when the
    database cannot be asked.
    """
    columns = query_columns(
        address, table.query, setting=table.setting, statement_seconds=table.statement_seconds
    )
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise SettingsError(f"{table.setting}: the query gives the column `{twice[0]}` twice.")
    key = table.topic.key
    if key not in columns:
        raise SettingsError(
            f"{table.setting}: the query gives no column `{key}`, only {', '.join(columns)}: "
            f"name the key so, such as `{columns[0] if columns else 'id'} as {key}`."
        )
