"""The database's roles beside its owner, one file each, by its name: what the role may do.

The owner is the configured user; it makes them where it applies the migrations. Rights on tables that
later migrations make come by the owner's default privileges.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import resources

import psycopg2
import structlog
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password

from pipelines.connectors.postgres import PostgresAddress, migrate

_log = structlog.get_logger(__name__)
DASHBOARD = "dashboard"
ROLES = ("writer", "scorer", DASHBOARD)
_LOCK = 0x726F6C6573  # "roles"
_SETTINGS = {
    DASHBOARD: {
        "default_transaction_read_only": "on",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "60s",
    }
}


def role_name(role: str) -> str:
    """The database's name of one of `ROLES`."""
    return f"clicklake_{role}"


def address_of(owner: PostgresAddress, *, role: str, password: str) -> PostgresAddress:
    """The owner's database as one of `ROLES` opens it."""
    return replace(owner, user=role_name(role), password=password)


def prepare_database(connection: Connection, *, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Apply what is missing of the migrations and see to the roles; names of the migrations applied.

    `passwords` are by role; without them the roles that exist get their rights, and none is made. Doing
    it twice, or from two processes at once, is harmless. What the owner may not do about roles is logged
    and left to who may. Raises as `migrate` does.
    """
    applied = migrate(connection)
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        refused = [role for role, password in (passwords or {}).items() if not _made(cursor, role, password)]
        _allowed(cursor, lambda: _close_to_others(cursor))
        ungranted = [role for role in ROLES if _exists(cursor, role) and not _granted(cursor, role)]
    if refused or ungranted:
        _log.warning(
            "roles_not_made",
            roles=[role_name(role) for role in refused],
            without_rights=[role_name(role) for role in ungranted],
            why="the database's owner may not; docs/dashboards.md says how to make them by hand",
        )
    return applied


def _made(cursor: Cursor, role: str, password: str) -> bool:
    """Whether the role is there with that password, made here if need be."""

    def make() -> None:
        verb = "alter" if _exists(cursor, role) else "create"
        name = role_name(role)
        # Encrypted here: the server's log may hold statements.
        word = encrypt_password(password, name, scope=cursor, algorithm="scram-sha-256")
        statement = sql.SQL(verb + " role {} login password {}")
        cursor.execute(statement.format(sql.Identifier(name), sql.Literal(word)))
        for setting, value in _SETTINGS.get(role, {}).items():
            change = sql.SQL("alter role {} set {} = {}")
            cursor.execute(change.format(sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)))

    return _allowed(cursor, make)


def _exists(cursor: Cursor, role: str) -> bool:
    cursor.execute("select 1 from pg_roles where rolname = %s", (role_name(role),))
    return cursor.fetchone() is not None


def _granted(cursor: Cursor, role: str) -> bool:
    text = (resources.files(__name__) / f"{role}.sql").read_text(encoding="utf-8")
    statement = sql.SQL(text).format(role=sql.Identifier(role_name(role)), database=_database(cursor))
    return _allowed(cursor, lambda: cursor.execute(statement))


def _close_to_others(cursor: Cursor) -> None:
    """Everybody else may make no temporary tables in this database."""
    cursor.execute(sql.SQL("revoke temporary on database {} from public").format(_database(cursor)))


def _database(cursor: Cursor) -> sql.Identifier:
    return sql.Identifier(cursor.connection.info.dbname)


def _allowed(cursor: Cursor, change: Callable[[], object]) -> bool:
    """Whether the change was allowed; one that is refused leaves nothing behind."""
    cursor.execute("savepoint change")
    try:
        change()
    except psycopg2.errors.InsufficientPrivilege:
        cursor.execute("rollback to savepoint change")
        return False
    cursor.execute("release savepoint change")
    return True
