"""What the tests of settings share."""

from pathlib import Path

import pytest


@pytest.fixture
def overlay(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write
