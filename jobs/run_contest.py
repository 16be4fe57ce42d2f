"""Retrain: challengers against the champion, block by block; the winner is promoted. Needs no Spark."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import structlog

from jobs.entry import run_job
from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.problem import Problem
from pipelines.settings import Settings
from training.contest.holding import Held
from training.retraining import Site, Waits, retrain, site_of, summary

_log = structlog.get_logger(__name__)


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON a contest, or how many decisions each problem still waits for.

    `examples`: how many there are; `settle_labels --all` and `build_examples` make those of history.
    """
    parser = argparse.ArgumentParser(prog="run_contest", description=__doc__)
    parser.add_argument("--problem", choices=all_problems(), help="only this problem")
    parser.add_argument("--most", type=int, default=100, help="contests of a problem")
    parser.add_argument("--now", action="store_true", help="do not wait for a whole block")
    parser.add_argument("--seed", type=int, default=7, help="of searches and resamples")
    options = parser.parse_args(arguments)
    if options.most < 1:
        raise SettingsError(f"--most {options.most}: it takes at least one")
    site = site_of(settings, seed=options.seed)
    chosen = [options.problem] if options.problem else list(all_problems())
    for name in chosen:
        reason = "asked" if options.now else "block"
        hold_contests(all_problems()[name], site, most=options.most, reason=reason)


def hold_contests(problem: Problem, site: Site, *, most: int, reason: str) -> None:
    """Hold what is due, and print a line of JSON each."""
    for held in retrain(problem, site, most=most, reason=reason, progress=_tell):
        sys.stdout.write(json.dumps(_line(problem, held)) + "\n")
        sys.stdout.flush()


def _line(problem: Problem, held: Held | Waits) -> dict[str, Any]:
    if isinstance(held, Waits):
        return {"problem": problem.name, "waits_for": held.missing, "examples": held.there}
    return summary(problem, held)


def _tell(done: int, total: int, text: str) -> None:
    _log.info("contest", step=text, done=done, of=total)


if __name__ == "__main__":
    sys.exit(run_job(run))
