"""What tests of every area share: real services and a place for a run."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import hypothesis
import psycopg2
import pytest
import structlog
from pyspark.sql import SparkSession

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.runtime.embedded import Endpoints, ensure_jars, running_stack
from pipelines.runtime.embedded.ports import choose
from pipelines.runtime.logs import configure_logs
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings, load_settings
from pipelines.settings.tree import Log
from tests.tiny_lake import TinyLake

hypothesis.settings.register_profile("steady", deadline=None)  # the processor may be busy elsewhere
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1_500)  # by hand
hypothesis.settings.load_profile("steady")
DOWNLOADS = Path(__file__).parents[1] / "var" / "cache"


@pytest.fixture(autouse=True)
def logs_for_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A job sets up logging for its process; here it must not outlive the test."""
    before = structlog.get_config()

    def configure(log: Log) -> None:
        configure_logs(log)
        structlog.configure(cache_logger_on_first_use=False)

    monkeypatch.setattr("jobs.entry.configure_logs", configure)
    yield
    structlog.configure(**before)


def settings_below(folder: Path, *further: str) -> Settings:
    """Settings of a run below `folder`: ports of its own, downloaded jars shared by all runs."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(DOWNLOADS)
    ports = [f"{service}.port={choose(preferred=())}" for service in ("kafka", "postgres", "mlflow")]
    return load_settings(overrides=[f"var_dir={folder}", *ports, *further])


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that any account can reach; as root, PostgreSQL would else lie outside it."""
    with tempfile.TemporaryDirectory(prefix="clicklake-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def stack_settings() -> Iterator[Settings]:
    """The settings that `stack` runs with."""
    with open_folder() as folder:
        yield settings_below(folder / "var")


@pytest.fixture(scope="session")
def stack_names(stack_settings: Settings) -> Names:
    """The names and folders of `stack`."""
    return Names.of(var_dir=stack_settings.var_dir, lake=stack_settings.lake)


@pytest.fixture(scope="session")
def stack(stack_settings: Settings, stack_names: Names) -> Iterator[Endpoints]:
    """Real Kafka, PostgreSQL and MLflow, started once for all tests. Use topics and tables of your own."""
    with running_stack(stack_settings, names=stack_names) as endpoints:
        yield endpoints


@contextmanager
def empty_database(stack: Endpoints, stack_names: Names) -> Iterator[PostgresAddress]:
    """An empty database of `stack`, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    owner = stack.postgres.address()
    admin = psycopg2.connect(
        host=owner.host,
        port=owner.port,
        dbname="postgres",
        user="postgres_admin",
        password=(stack_names.secrets / "postgres_admin").read_text().strip(),
    )
    admin.autocommit = True
    with closing(admin), admin.cursor() as cursor:
        cursor.execute(f"create database {name} owner {owner.user}")
        yield replace(owner, database=name)
        cursor.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(stack: Endpoints, stack_names: Names) -> Iterator[PostgresAddress]:
    """An empty database for one test."""
    with empty_database(stack, stack_names) as address:
        yield address


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one Spark session of a test run, as the driver opens it."""
    with open_folder() as folder:
        settings = settings_below(folder / "var")
        names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
        ensure_jars("spark", names=names)
        session = open_session(settings, names, app="tests")
        yield session
        session.stop()


@pytest.fixture(scope="session")
def tiny_lake(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    """A lake of some thousand simulated records in real Delta tables. Read it only."""
    return TinyLake(tmp_path_factory.mktemp("tiny"))
