"""`clicklake features`: what is listed is what the sets define."""

import json

import pytest
from click.testing import CliRunner

from jobs.cli.commands.features import command
from jobs.cli.main import Invocation
from pipelines.gold.features.sets import all_sets


@pytest.fixture
def shown(tmp_path):
    """What the command prints where no services run."""

    def call(*arguments: str) -> str:
        return _shown(Invocation(None, (f"var_dir={tmp_path}",)), *arguments)

    return call


def _shown(invocation: Invocation, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, obj=invocation)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_without_a_command_the_sets_are_listed(shown):
    lines = shown().splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(all_sets())
    assert shown() == shown("list")
    assert "30 d, 1 d after a purchase" in next(line for line in lines if "session v1" in line)


@pytest.mark.parametrize("name", all_sets())
def test_json_has_every_column(shown, name):
    (line,) = shown("list", "--set", name, "--format", "json").splitlines()
    found, defined = json.loads(line), all_sets()[name]
    assert [column["name"] for column in found["columns"]] == [output.name for output in defined.outputs]
    assert found["keys"] == list(defined.keys)
    windows = {"1h": 3600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
    for column in found["columns"]:
        assert column["window_seconds"] == windows.get(column["name"].rpartition("_")[2])


def test_markdown_has_a_line_per_feature_with_its_windows(shown):
    lines = shown("list", "--set", "user", "--format", "markdown").splitlines()
    assert "| views | bigint | all 1h 24h 7d 30d | views of products' pages |" in lines
    assert "| top_category | string | all | category viewed most often |" in lines
