"""How fresh each feature set in Postgres is, and how many entities it knows."""

from typing import NamedTuple

from psycopg2.errors import InvalidSchemaName, UndefinedTable

from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.errors import LakeError

_STATEMENT_SECONDS = 5
_ASK = """
select name, version, is_live, batch_age_seconds, entities, expired, is_estimate
from dashboard.feature_sets
order by name, version
"""


class Freshness(NamedTuple):
    """A version of a set. Without an age no batch has come; without counts it is not live.

    `entities` are rows, those that have expired among them; `is_estimate`: counted on a sample of them.
    """

    name: str
    version: int
    is_live: bool
    batch_age_seconds: float | None
    entities: int | None
    expired: int | None
    is_estimate: bool | None


def freshness(address: PostgresAddress) -> list[Freshness]:
    """Every version of every set in Postgres.

    Raises `ServiceError` when Postgres is away, `LakeError` when it has no features.
    """
    with (
        connect(
            address, application="features", statement_seconds=_STATEMENT_SECONDS, read_only=True
        ) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        try:
            cursor.execute(_ASK)
        except (InvalidSchemaName, UndefinedTable):
            raise LakeError(f"Postgres at {address} has no features yet.") from None
        return [Freshness(*row) for row in cursor]
