"""What each proof of consistency found, in Postgres, where dashboards look."""

from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.runtime.features.consistency import ConsistencyResult

_KEPT = 1_000
_OF_SETS = ("values", "faults", "late_share")


def note_check(address: PostgresAddress, result: ConsistencyResult) -> None:
    """Add the result; of old ones the newest 1,000 stay. Raises `ServiceError` when Postgres is away."""
    found = result.as_data()
    row = {name: found[name] for name in ("reads", "values", "mismatch", "missing", "extra", "late_share")}
    row["sets"] = Json({_asked(one): {name: one[name] for name in _OF_SETS} for one in found["sets"]})
    with connect(address, application="consistency") as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.consistency_checks (reads, compared, mismatch, missing, extra, late_share, sets)"
            " values (%(reads)s, %(values)s, %(mismatch)s, %(missing)s, %(extra)s, %(late_share)s, %(sets)s)",
            row,
        )
        cursor.execute(
            "delete from ops.consistency_checks where checked_at <= (select checked_at from"
            " ops.consistency_checks order by checked_at desc offset %s limit 1)",
            (_KEPT,),
        )


def _asked(one: Mapping[str, Any]) -> str:
    return f"{one['set']}, by user" if one["by_user"] else str(one["set"])
