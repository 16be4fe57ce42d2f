"""What a demo refuses before anything starts, and the commands it means."""

from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from pipelines.runtime.demo.plan import DemoPlan

SAMPLE = str(Path(__file__).parents[1] / "data" / "mappings" / "rees46.csv")


def plan(**changes):
    usual = {"duration_seconds": 5.0, "files": (), "mapping": None, "speed": "max", "rate": 10.0, "seed": 1}
    return DemoPlan(**(usual | changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"duration_seconds": 0}, "--duration must be more than 0"),
        ({"files": (SAMPLE,)}, "--data and --mapping go together"),
        ({"mapping": "rees46"}, "--data and --mapping go together"),
        ({"files": (SAMPLE,), "mapping": "rees47"}, "did you mean `rees46`"),
        ({"files": ("nofile.csv",), "mapping": "rees46"}, "nofile.csv"),
        ({"files": (SAMPLE,), "mapping": "touchpoints"}, "customer_id"),
        ({"files": (SAMPLE,), "mapping": "rees46", "speed": "quick"}, "--speed quick"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(changes, sentence):
    with pytest.raises(SettingsError, match=sentence) as refused:
        plan(**changes).check()
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


def test_a_binary_file_is_refused(tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(SettingsError, match=r"clicks\.csv"):
        plan(files=(str(file),), mapping="rees46").check()


def test_the_commands_that_a_plan_means():
    files = plan(files=(SAMPLE,), mapping="rees46")
    files.check()
    assert files.feed_command() == [
        "replay", SAMPLE, "--mapping", "rees46", "--speed", "max", "--shift-to", "now", "--json",
    ]  # fmt: skip
    assert plan().feed_command() == [
        "simulate",
        "--rate",
        "10.0",
        "--seed",
        "1",
        "--duration",
        "5.0",
        "--json",
    ]
