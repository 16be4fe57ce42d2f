"""What the tests of the runtime share."""

from contextlib import closing
from pathlib import Path

import pytest

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect
from pipelines.runtime.watching.metrics import BatchReport, MetricsWriter
from tests.runtime.stage import Stage


@pytest.fixture
def names(tmp_path: Path) -> Names:
    """The names of a run below a folder of the test's own."""
    return Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, names: Names) -> Stage:
    """Two hand-made queries under a real supervisor."""
    return Stage(monkeypatch, names)


@pytest.fixture
def record(database):
    """Writes reports of batches into a database of the test's own, and waits until they are there."""
    with closing(MetricsWriter(database)) as writer:

        def write(*reports: BatchReport) -> None:
            for report in reports:
                writer.record(report)
            assert writer.flush(timeout_seconds=20)

        yield write


@pytest.fixture
def read(database):
    """Calls a reader of `observe` with a connection to that database."""

    def call(reader, **arguments):
        with connect(database, read_only=True) as connection, connection:
            return reader(connection, **arguments)

    return call
