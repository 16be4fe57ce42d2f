"""What the jobs that read features and prove it refuse before they start anything."""

import pytest

from jobs import build_decisions, check_consistency, sample_features
from jobs.entry import run_job
from pipelines.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    return load_settings(overrides=[f"var_dir={tmp_path / 'var'}"])


@pytest.mark.parametrize(
    ("job", "arguments", "says"),
    [
        (sample_features, ["--rate", "0"], "--rate and --seconds take numbers above 0"),
        (sample_features, ["--seconds", "-1"], "--rate and --seconds take numbers above 0"),
        (check_consistency, ["--reads", "0"], "--reads takes at least 1"),
        (check_consistency, ["--wait", "-1"], "--wait at least 0"),
        (build_decisions, ["--block", "0"], "--block 0: it takes at least one decision"),
        (check_consistency, ["--since", "2026-03-01"], "say --decisions, too"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(job, arguments, says, settings, capsys):
    assert run_job(job.run, arguments, settings=settings) == 2
    assert says in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_at_once(settings, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run_job(check_consistency.run, ["--report", str(tmp_path / "nowhere" / "r.json")], settings=settings)
    assert ended.value.code == 2
    assert "must exist" in capsys.readouterr().err


def test_reading_needs_running_services(settings, capsys):
    assert run_job(sample_features.run, ["--seconds", "1"], settings=settings) == 1
    assert "clicklake up" in capsys.readouterr().err
