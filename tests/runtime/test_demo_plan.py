"""What a demo refuses before anything starts, and the commands it means."""

import re
from pathlib import Path

import pytest

from pipelines.contracts.lake import all_tables
from pipelines.errors import SettingsError
from pipelines.runtime.demo.drills import CRASHES, drill_report, with_crashes
from pipelines.runtime.demo.plan import DemoPlan
from pipelines.runtime.streams.queries import all_queries
from pipelines.settings import load_settings

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
        "replay", SAMPLE, "--mapping", "rees46", "--speed", "max", "--shift-to", "now",
        "--late-share", "0.0", "--duplicate-share", "0.0", "--broken-share", "0.0", "--json",
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


def test_the_shares_of_a_plan_are_those_of_its_replay():
    disturbed = plan(files=(SAMPLE,), mapping="rees46", shares=(0.1, 0.2, 0.3))
    command = list(disturbed.feed_command())
    given = {
        name: float(command[command.index(f"--{name}-share") + 1]) for name in ("late", "duplicate", "broken")
    }
    assert given == {"late": 0.1, "duplicate": 0.2, "broken": 0.3}
    assert "--broken-share" not in plan(shares=(0.1, 0.2, 0.3)).feed_command()


def test_crashes_are_laid_over_the_settings_that_were_given():
    given = {"PATH": "/bin", "CLICKLAKE_SET": "silver.trigger_seconds=2\nspark.driver_memory=1g"}
    armed = with_crashes(given)
    assert armed["PATH"] == "/bin"
    assert armed["CLICKLAKE_SET"].startswith(given["CLICKLAKE_SET"] + "\n")
    assert given["CLICKLAKE_SET"].count("\n") == 1


@pytest.mark.parametrize("before", [{}, {"CLICKLAKE_SET": "silver.trigger_seconds=2"}])
def test_a_driver_understands_its_crashes(before):
    overrides = with_crashes(before)["CLICKLAKE_SET"].splitlines()
    settings = load_settings(overrides=overrides)
    assert tuple(settings.failpoints) == CRASHES
    assert settings.bronze.max_records < load_settings().bronze.max_records
    assert settings.silver.max_mib == 1
    assert settings.silver.trigger_seconds == (2 if before else load_settings().silver.trigger_seconds)


@pytest.mark.parametrize("crash", CRASHES)
def test_each_crash_names_a_query_and_its_table(crash):
    query, moment, table = re.fullmatch(r"(\w+)\.(\w+)(?::([\w.]+))?@\d+=(?:raise|kill)", crash).groups()
    assert query in all_queries()
    steps = (
        *("before_batch", "after_batch", "before_append", "after_append"),
        *("before_book", "after_book", "before_postgres"),
    )
    assert moment in steps
    assert (table in all_tables()) == moment.endswith("append")


def test_a_drill_tells_what_was_armed_and_what_fired():
    assert drill_report(("a", "b"), ("a",), restarts=1) == {
        "armed": ["a", "b"],
        "fired": ["a"],
        "driver_restarts": 1,
    }
