"""A registry without a server: MLflow's own store on a copy of one migrated sqlite file."""

import os
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import DOWNLOADS
from training.tracking.registry import Registry
from training.tracking.server import Server


@pytest.fixture(scope="session")
def migrated() -> Path:
    """A database of this MLflow with all its tables, which take 5 to 15 s to make: kept beside the jars."""
    path = DOWNLOADS / f"mlflow-{version('mlflow')}.db"
    if not path.exists():
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        Server(f"sqlite:///{fresh}").client.search_experiments()
        fresh.replace(path)
    return path


@pytest.fixture
def server(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A tracking store of one test. Artefacts lie below the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return Server(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def registry(server: Server, tmp_path: Path) -> Registry:
    """Its registry."""
    return Registry(server, lock=tmp_path / "registry.lock")
