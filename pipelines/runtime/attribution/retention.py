"""Takes old minutes out of the per-minute tables and notes from when on they are kept."""

from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection

from pipelines.runtime.attribution.minutes import PER_MINUTE

_NOTE = """
insert into gold.retention (table_name, kept_since) values (%s, %s)
on conflict (table_name) do update set kept_since = greatest(retention.kept_since, excluded.kept_since)
returning kept_since
"""


def trim_minutes(connection: Connection, *, keep: timedelta, now: datetime) -> dict[str, int]:
    """Remove minutes that began more than `keep` before `now`; rows removed by table. One transaction.

    What was once removed stays so: a longer `keep` than before does not bring the mark back.
    """
    since = (now - keep).replace(second=0, microsecond=0)
    with connection, connection.cursor() as cursor:
        # Whoever counts minutes anew holds this table in row share mode until its transaction ends: none
        # is under way from here on, and the next sees the new mark, also when there was none before.
        cursor.execute("lock table gold.retention in exclusive mode")
        removed: dict[str, int] = {}
        for table in PER_MINUTE:
            cursor.execute(_NOTE, (table, since))
            cursor.execute(f"delete from gold.{table} where minute < %s", cursor.fetchone())  # noqa: S608 - constants
            removed[table] = cursor.rowcount
    return removed
