"""Failpoints: what is armed, when it fires, what the ledger keeps, and a process that really dies."""

import os
import signal
import subprocess
import sys

import msgspec
import pytest

from pipelines.errors import SettingsError
from pipelines.runtime.failpoints import Failpoint, Injected, arm, failpoint, fired
from pipelines.runtime.streams import driver
from pipelines.settings import load_settings

POINT = "clean_silver.after_append:silver.events"
PROGRAM = """
import sys
from pathlib import Path
from pipelines.runtime.failpoints import arm, failpoint
arm(sys.argv[2:], ledger=Path(sys.argv[1]))
for passage in range(3):
    failpoint("clean_silver.after_append:silver.events")
    print(passage, flush=True)
"""


@pytest.fixture
def ledger(tmp_path):
    yield tmp_path / "run" / "failpoints.txt"
    arm([], ledger=tmp_path / "none")


def fires_at(name, passages):
    """The passages of a point, counted from 1, at which it raises."""
    found = []
    for passage in range(1, passages + 1):
        try:
            failpoint(name)
        except Injected:
            found.append(passage)
    return found


@pytest.mark.parametrize(
    ("text", "point"),
    [
        (f"{POINT}@2=kill", Failpoint(POINT, 2, "kill")),
        (f"{POINT}=raise", Failpoint(POINT, 1, "raise")),
        ("land_bronze.before_batch@12=raise", Failpoint("land_bronze.before_batch", 12, "raise")),
    ],
)
def test_a_point_is_read_and_written(text, point):
    assert Failpoint.parse(text) == point
    assert Failpoint.parse(str(point)) == point


@pytest.mark.parametrize(
    "text",
    ["", POINT, f"{POINT}@2", f"{POINT}@0=raise", f"{POINT}@-1=raise", f"{POINT}@x=raise", f"{POINT}@=raise",
     f"{POINT}=stop", "=raise", "@1=raise", "a b=raise", f"{POINT}=raise\n", f" {POINT}=raise",
     f"{POINT}=RAISE"],
)  # fmt: skip
def test_what_is_no_point_is_refused_before_anything_starts(text, ledger, tmp_path):
    arm([f"{POINT}=raise"], ledger=ledger)
    with pytest.raises(SettingsError, match="is not of the form NAME@HIT=raise") as refused:
        arm([f"{POINT}@2=raise", text], ledger=ledger)
    assert refused.value.exit_code == 2
    assert fires_at(POINT, 1) == [1]

    settings = load_settings(overrides=[f"var_dir={tmp_path / 'var'}"])
    settings = msgspec.structs.replace(settings, failpoints=[text])
    with pytest.raises(SettingsError):
        driver.run_streams(settings, available_now=True)
    assert not (tmp_path / "var").exists()


def test_the_command_refuses_it_with_exit_code_2(tmp_path):
    arguments = ["--set", f"var_dir={tmp_path / 'var'}", "--set", "failpoints=[oops]", "run", "stream_lake"]
    ended = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "failpoints: `oops` is not of the form" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "var" / "spark").exists()


def test_a_point_fires_at_its_passage_and_at_no_other(ledger):
    arm([f"{POINT}@2=raise", f"{POINT}@4=raise", "other=raise"], ledger=ledger)
    assert fires_at(POINT, 6) == [2, 4]
    assert fired(ledger) == [f"{POINT}@2=raise", f"{POINT}@4=raise"]
    assert fires_at("nothing.here", 3) == []


def test_nothing_is_armed_without_the_setting(ledger):
    arm([], ledger=ledger)
    assert fires_at(POINT, 3) == []
    assert fired(ledger) == []
    assert not ledger.parent.exists()


def test_arming_again_forgets_what_was_armed_and_counts_anew(ledger):
    arm([f"{POINT}@2=raise"], ledger=ledger)
    assert fires_at(POINT, 1) == []
    arm([f"{POINT}@3=raise"], ledger=ledger)
    assert fires_at(POINT, 3) == [3]


def test_what_has_fired_does_not_fire_again(ledger):
    arm([f"{POINT}=raise"], ledger=ledger)
    assert fires_at(POINT, 1) == [1]
    # The same point without its passage written out, as it was given; a later one is another point.
    arm([f"{POINT}@1=raise", f"{POINT}@2=raise"], ledger=ledger)
    assert fires_at(POINT, 3) == [2]


def run_program(ledger, *points):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ledger), *points],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_a_kill_is_a_kill_once_over_processes(ledger):
    points = [f"{POINT}@2=kill"]
    first = run_program(ledger, *points)
    assert (first.returncode, first.stdout.split(), first.stderr) == (-signal.SIGKILL, ["0"], "")
    assert fired(ledger) == points
    second = run_program(ledger, *points)
    assert (second.returncode, second.stdout.split()) == (0, ["0", "1", "2"])
    assert fired(ledger) == points


def test_a_raise_ends_only_who_does_not_catch_it(ledger):
    ended = run_program(ledger, f"{POINT}@1=raise")
    assert ended.returncode == 1
    assert f"Injected: failpoint {POINT}" in ended.stderr
