"""A contest as rows of `gold.contests`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from pipelines.contracts.clock import moment
from pipelines.gold.problems.problem import Problem
from training.contest.blocks import Block
from training.contest.field import Entry
from training.contest.ruling import Line, Ruling
from training.evaluation.evaluate import Evaluation
from training.examples import Examples, Floats
from training.tracking.runs import Recorded

_BINS = 10


@dataclass(frozen=True)
class Judged:
    """A contestant that was judged: what it said of the block, how good that was, and how long it took."""

    entry: Entry
    probabilities: Floats
    evaluation: Evaluation
    row_micros: float


def contest_rows(
    problem: Problem,
    block: Block,
    ruling: Ruling,
    judged: Mapping[str, Judged],
    recorded: Recorded,
    *,
    examples_version: int,
    reason: str,
    held_at: datetime,
) -> list[dict[str, Any]]:
    """A row per line of the ruling."""
    train, validation = block.split.train, block.split.validation
    same = {
        "contest_id": recorded.run_id,
        "problem": problem.name,
        "problem_version": problem.version,
        "held_at": held_at,
        "reason": reason,
        "train_rows": len(train),
        "train_digest": train.digest,
        "train_until": moment(int(train.decided_at[-1])) if len(train) else None,
        "judged_rows": len(validation),
        "judged_positives": int(validation.labels.sum()),
        "judged_digest": validation.digest,
        "judged_from": moment(block.split.boundary),
        "judged_until": moment(block.until.decided_at),
        "judged_until_row_id": block.until.row_id,
        "examples_version": examples_version,
    }
    return [
        same
        | {
            "contestant": line.name,
            "version": recorded.versions.get(line.name),
            "outcome": outcome(line, ruling),
        }
        | _measured(line)
        | _told(judged.get(line.name), validation)
        for line in ruling.lines
    ]


def outcome(line: Line, ruling: Ruling) -> str:
    """What became of a contestant, in one word of `contests.OUTCOMES`."""
    if line.won:
        return "promoted"
    if line.is_champion:
        others = [one for one in ruling.lines if not one.is_champion and one.average_precision]
        return "lost" if ruling.winner else "defended" if others else "kept"
    if line.average_precision is None:
        return "failed"
    return "lost" if all(gate.kept for gate in line.gates) else "refused"


def calibration_bins(examples: Examples, probabilities: Floats) -> list[list[float]]:
    """Mean probability, share of outcomes and rows of ten bins of equal weight, the least probable first."""
    order = np.argsort(probabilities, kind="stable")
    weights = examples.weights[order]
    bins = np.minimum((np.cumsum(weights) - weights / 2) / weights.sum() * _BINS, _BINS - 1).astype(int)
    rows = np.bincount(bins, minlength=_BINS)
    heavy = np.bincount(bins, weights, _BINS)
    expected = np.bincount(bins, weights * probabilities[order], _BINS)
    observed = np.bincount(bins, weights * examples.labels[order], _BINS)
    return [
        [float(expected[one] / heavy[one]), float(observed[one] / heavy[one]), int(rows[one])]
        for one in range(_BINS)
        if heavy[one] > 0
    ]


def _measured(line: Line) -> dict[str, Any]:
    found = line.average_precision
    return {
        "why": line.reason,
        "average_precision": found.value if found else None,
        "average_precision_low": found.low if found else None,
        "average_precision_high": found.high if found else None,
        "difference": line.difference.value if line.difference else None,
        "p_value": line.p_adjusted,
    }


def _told(judged: Judged | None, validation: Examples) -> dict[str, Any]:
    if judged is None:
        return {"calibration_error": None, "calibration": None, "row_micros": None}
    return {
        "calibration_error": judged.evaluation.metrics["calibration_error"].value,
        "calibration": json.dumps(calibration_bins(validation, judged.probabilities)),
        "row_micros": judged.row_micros,
    }
