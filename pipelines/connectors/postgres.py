"""Postgres: connections, and the numbered migrations that make its schemas."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources

import psycopg2
from psycopg2.extensions import connection as Connection

from pipelines.errors import ServiceError

_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_MIGRATION_LOCK = 0x636C69636B  # "click"
_LEDGER = """
create schema if not exists ops;
create table if not exists ops.migrations (
    number     integer     primary key,
    name       text        not null,
    checksum   text        not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True)
class PostgresAddress:
    """Where a database is and who asks. The password does not show in a repr."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True)
class Migration:
    """One migration file of the package: its number, name and SQL."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Digest of the SQL, so that a file changed after it was applied is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def open_connection(
    address: PostgresAddress,
    *,
    application: str,
    timeout_seconds: int = 2,
    statement_seconds: int | None = None,
    read_only: bool = False,
) -> Connection:
    """A new connection in UTC; a statement longer than `statement_seconds` is cancelled by the server.

    Raises `ServiceError` when the server cannot be reached within `timeout_seconds` or refuses.
    """
    options = ["-c timezone=UTC"]
    if statement_seconds is not None:
        options.append(f"-c statement_timeout={statement_seconds * 1000}")
    if read_only:
        options.append("-c default_transaction_read_only=on")
    try:
        return psycopg2.connect(
            host=address.host,
            port=address.port,
            dbname=address.database,
            user=address.user,
            password=address.password,
            application_name=application,
            connect_timeout=timeout_seconds,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=2,
            tcp_user_timeout=10_000,
            options=" ".join(options),
        )
    except psycopg2.OperationalError as error:
        why = " ".join(str(error).split())
        raise ServiceError(f"Postgres at {address} cannot be used: {why}.") from None


@contextmanager
def connect(
    address: PostgresAddress,
    *,
    application: str = "clicklake",
    timeout_seconds: int = 2,
    statement_seconds: int | None = None,
    read_only: bool = False,
) -> Iterator[Connection]:
    """`open_connection`, closed at the end. Transactions are the caller's: `with connection:`."""
    connection = open_connection(
        address,
        application=application,
        timeout_seconds=timeout_seconds,
        statement_seconds=statement_seconds,
        read_only=read_only,
    )
    try:
        yield connection
    finally:
        connection.close()


def packaged_migrations() -> list[Migration]:
    """The migrations that came with this version, by number."""
    folder = resources.files("pipelines.connectors") / "migrations"
    matches = [(_FILE_NAME.match(entry.name), entry) for entry in folder.iterdir()]
    found = [
        Migration(number=int(match[1]), name=entry.name, sql=entry.read_text(encoding="utf-8"))
        for match, entry in matches
        if match
    ]
    return sorted(found, key=lambda migration: migration.number)


def migrate(connection: Connection, *, migrations: list[Migration] | None = None) -> list[str]:
    """Apply what is missing, each in a transaction of its own; names of those applied now.

    Doing it twice, or from two processes at once, is harmless. Raises `ServiceError` when an applied
    file has been changed since, or when the database comes from a newer version.
    """
    known = packaged_migrations() if migrations is None else migrations
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        cursor.execute(_LEDGER)
        cursor.execute("select number, name, checksum from ops.migrations")
        _refuse_changed(known, {number: (name, checksum) for number, name, checksum in cursor})
    return [migration.name for migration in known if _apply(connection, migration)]


def _refuse_changed(known: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    by_number = {migration.number: migration for migration in known}
    for number, (name, checksum) in sorted(applied.items()):
        migration = by_number.get(number)
        if migration is None:
            raise ServiceError(
                f"The database holds migration {name}, which this version does not know: "
                "use the newer version of clicklake that made it."
            )
        if migration.checksum != checksum:
            raise ServiceError(
                f"Migration {migration.name} was changed after it was applied to the database: "
                "restore the file and put the change into a new migration with the next number."
            )


def _apply(connection: Connection, migration: Migration) -> bool:
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        cursor.execute("select 1 from ops.migrations where number = %s", (migration.number,))
        if cursor.fetchone():
            return False
        cursor.execute(migration.sql)
        cursor.execute(
            "insert into ops.migrations (number, name, checksum) values (%s, %s, %s)",
            (migration.number, migration.name, migration.checksum),
        )
        return True
