"""A contest as MLflow shows it: contestants with metrics, plots and cards, and the data by its names."""

from collections.abc import Mapping
from typing import Any

from pipelines.contracts.labels import LABELLED_EXAMPLES
from pipelines.gold.problem_features import set_versions
from pipelines.gold.problems.problem import Problem
from training.contest.blocks import Block
from training.contest.rows import Judged, moment
from training.contest.ruling import Ruling
from training.examples import Examples
from training.fitting import Challenger
from training.tracking.runs import Contestant, ContestRecord


def written(
    problem: Problem,
    block: Block,
    ruling: Ruling,
    judged: Mapping[str, Judged],
    *,
    examples_version: int,
    reason: str,
) -> ContestRecord:
    """The record of a contest that is judged."""
    until = moment(block.until.decided_at)
    return ContestRecord(
        problem=problem,
        name=f"block until {until:%Y-%m-%d %H:%M:%S}",
        ruling=ruling.as_data(),
        data=_data(problem, block, examples_version=examples_version, reason=reason),
        contestants=[_contestant(one) for one in judged.values()],
        note=ruling.reason,
    )


def _data(problem: Problem, block: Block, *, examples_version: int, reason: str) -> dict[str, Any]:
    """What the contest's rows are read by, to be had again bit for bit."""
    return {
        "table": LABELLED_EXAMPLES.name,
        "version": examples_version,
        "problem_version": problem.version,
        "set_versions": set_versions(problem),
        "held_for": reason,
        "cut": block.cut.as_data(),
        "left_out": dict(block.split.left_out),
        "training": _part(block.split.train),
        "judging": _part(block.split.validation),
    }


def _part(examples: Examples) -> dict[str, Any]:
    times = examples.decided_at
    return {
        "digest": examples.digest,
        "rows": len(examples),
        "positives": int(examples.labels.sum()),
        "from": moment(int(times[0])).isoformat() if len(times) else None,
        "until": moment(int(times[-1])).isoformat() if len(times) else None,
    }


def _contestant(one: Judged) -> Contestant:
    entry = one.entry
    return Contestant(
        name=entry.name,
        file=entry.file,
        threshold=entry.threshold,
        evaluation=one.evaluation.as_data() | {"row_micros": one.row_micros},
        source=entry.source,
        version=entry.version,
        parameters=dict(entry.parameters) | (_fit(entry.fit) if entry.fit else {}),
    )


def _fit(fit: Challenger) -> dict[str, Any]:
    return {
        "trials": len(fit.trials),
        "failed_trials": len(fit.failures),
        "calibration": fit.calibration,
        "negatives_share": fit.negatives_share,
        "threshold_why": fit.threshold.why,
        "onnx_difference": fit.onnx_difference,
        "seed": fit.seed,
        "fit_seconds": round(fit.seconds, 1),
    }
