"""Mistakes at the command line: exit code 2, one sentence, no traceback, and nothing has been started."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from jobs.cli.commands.run import job_names
from jobs.cli.main import cli, main

COMMANDS = sorted(cli.list_commands(None))  # type: ignore[arg-type]
REES46 = str(Path(__file__).parents[1] / "data" / "mappings" / "rees46.csv")
NEEDED = {
    "backtest": ["--model", "checkout_purchase/1", "--from", "2026-01-01", "--to", "2026-01-02"],
    "replay": [REES46, "--mapping", "rees46"],
    "mapping": ["check", REES46, "--mapping", "rees46"],
    "run": ["check_conservation"],
    "sql": ["select 1"],
    "simulate": ["--duration", "1"],
    "trace": ["order", "o1"],
}
READS_NO_SETTINGS = {"contract", "dashboards"}


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Runs a command line that must be refused, in this process; the sentence it ends with."""

    def run(*arguments: str) -> str:
        var = tmp_path / "var"
        monkeypatch.setattr(sys, "argv", ["clicklake", "--set", f"var_dir={var}", *arguments])
        before = len(psutil.Process().children(recursive=True))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ended.value.code == 2, err
        assert "Traceback" not in out + err
        assert len(psutil.Process().children(recursive=True)) == before
        assert not (var / "services").exists()
        last: str = err.strip().splitlines()[-1]
        return last

    return run


MISTAKES: dict[str, tuple[list[str], str]] = {
    "command": (["demmo"], "No such command 'demmo'"),
    "option": (["demo", "--durration", "5"], "No such option"),
    "job": (["run", "land_bronz"], "there is no job `land_bronz`; the jobs are attribute_orders, "),
    "measure": (["run", "build_related", "--evaluate", "cosin"], "invalid choice: 'cosin'"),
    "job argument": (["run", "check_conservation", "--nope"], "unrecognized arguments: --nope"),
    "mapping shown": (
        ["mapping", "show", "rees64"],
        "no mapping `rees64` in conf/mappings; did you mean `rees46`?",
    ),
    "mapping checked": (["mapping", "check", REES46, "--mapping", "rees64"], "did you mean `rees46`?"),
    "mapping replayed": (["replay", REES46, "--mapping", "rees64"], "did you mean `rees46`?"),
    "mapping of the demo": (["demo", "--data", REES46, "--mapping", "rees64"], "did you mean `rees46`?"),
    "mapping file": (["mapping", "show", "./none.sql"], "./none.sql: there is no such mapping file."),
    "data checked": (["mapping", "check", "none.csv", "--mapping", "rees46"], "none.csv"),
    "data replayed": (["replay", "none.csv", "--mapping", "rees46"], "none.csv"),
    "data of the demo": (["demo", "--data", "none.csv", "--mapping", "rees46"], "none.csv"),
    "data without a mapping": (["demo", "--data", REES46], "--mapping"),
    "a mapping without data": (["demo", "--mapping", "rees46"], "--data"),
    "folder of the report": (["demo", "--report", "/none/r.json"], "the folder /none does not exist"),
    "duration": (["demo", "--duration", "long"], "'long' is not a valid float"),
    "negative duration": (["demo", "--duration", "-5"], "duration"),
    "speed": (["replay", REES46, "--mapping", "rees46", "--speed", "fast"], "speed"),
    "negative rate": (["simulate", "--rate", "-1", "--duration", "1", "--out", "x.jsonl"], "rate"),
    "topic": (["contract", "click"], "there is no topic `click`"),
    "feature set": (["features", "list", "--set", "users"], "there is no feature set `users`; the sets are "),
    "problem": (
        ["models", "why", "--problem", "chekout"],
        "there is no problem `chekout`; the problems are ",
    ),
    "model's version": (["models", "promote", "x", "--problem", "p", "--reason", "r"], "'x' is not a valid"),
    "model's reason": (["models", "rollback", "--problem", "checkout_purchase"], "'--reason'"),
    "model's file": (
        ["models", "enter", "none.onnx", "--problem", "checkout_purchase"],
        "none.onnx: cannot be",
    ),
    "a model that is none": (
        ["models", "enter", REES46, "--problem", "checkout_purchase"],
        "is no ONNX model",
    ),
    "model of a backtest": (
        ["backtest", "--model", "checkout/3", "--from", "2026-01-01", "--to", "2026-01-02"],
        "--model checkout/3 is not PROBLEM/VERSION or PROBLEM@ALIAS; problems: checkout_purchase, ",
    ),
    "times of a backtest": (
        ["backtest", "--model", "checkout_purchase/3", "--from", "2026-01-02", "--to", "2026-01-01"],
        "--from 2026-01-02 00:00:00 must lie before --to 2026-01-01 00:00:00.",
    ),
    "format": (["contract", "--format", "xml"], "'xml' is not one of"),
}


@pytest.mark.parametrize(("arguments", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence_before_anything_starts(refused, monkeypatch, tmp_path, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert says in refused(*arguments)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in READS_NO_SETTINGS])
def test_every_command_refuses_settings_that_are_none(refused, command):
    arguments = NEEDED.get(command, [])
    assert refused("--set", "kafka.prot=1", command, *arguments) == (
        "clicklake: --set kafka.prot: `kafka.prot` is not a setting, did you mean `port`?"
    )


def test_a_conf_file_and_a_profile_that_are_not_there(refused, monkeypatch):
    monkeypatch.setenv("CLICKLAKE_PROFILE", "local")  # --profile sets it; put back afterwards
    assert refused("--conf", "/none.yaml", "status") == (
        "clicklake: /none.yaml: cannot be read (No such file or directory)."
    )
    assert "CLICKLAKE_PROFILE names `prod`" in refused("--profile", "prod", "status")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.stdout.strip()) > 40


def test_help_names_every_command_with_a_summary():
    shown = CliRunner().invoke(cli, ["--help"]).stdout
    listed = [line.split() for line in shown.partition("Commands:")[2].splitlines() if line.strip()]
    assert [words[0] for words in listed] == COMMANDS
    assert [words[0] for words in listed if len(words) < 3] == []


def test_run_without_a_job_lists_the_jobs():
    shown = CliRunner().invoke(cli, ["run"]).stdout
    assert [line.split()[0] for line in shown.splitlines()] == job_names()
    assert "cli" not in job_names()
    assert "entry" not in job_names()


def test_as_a_program_from_another_folder(tmp_path):
    program = [sys.executable, "-m", "jobs.cli", "--set", "kafka.port=x", "status"]
    environ = {**os.environ, "CLICKLAKE_SET": ""}
    ended = subprocess.run(program, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "clicklake: --set kafka.port: `kafka.port`: expected `int`, got `str`.\n"
    assert list(tmp_path.iterdir()) == []
