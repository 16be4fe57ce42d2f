"""What the tests of the runtime share."""

from pathlib import Path

import pytest

from pipelines.connectors.names import Names
from tests.runtime.stage import Stage


@pytest.fixture
def names(tmp_path: Path) -> Names:
    """The names of a run below a folder of the test's own."""
    return Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, names: Names) -> Stage:
    """Two hand-made queries under a real supervisor."""
    return Stage(monkeypatch, names)
