"""What the tests of the connectors share."""

import pytest

from pipelines.connectors.mapping import Mapping, load_mapping
from tests.connectors.own_mapping import SQL


@pytest.fixture
def mapping(tmp_path) -> Mapping:
    path = tmp_path / "own.sql"
    path.write_text(SQL)
    return load_mapping(str(path), folder=tmp_path)
