"""A contest as MLflow shows it: contestants with metrics, plots and cards, and the data by its names."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from matplotlib.figure import Figure

from pipelines.contracts.clock import moment
from pipelines.contracts.labels import LABELLED_EXAMPLES
from pipelines.gold.problem_features import feature_names, set_versions
from pipelines.gold.problems.problem import Problem
from training.contest.blocks import Block
from training.contest.rows import Judged
from training.contest.ruling import Ruling
from training.evaluation.drift import Limits, psi
from training.examples import Examples
from training.fitting import Challenger
from training.importance import permutation_importance
from training.model_card import CardFacts, model_card
from training.plots import Judged as Shown
from training.plots import contest_figures, drift_figure, importance_figure
from training.tracking.runs import ContestRecord, JudgedModel


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
    data = _data(problem, block, examples_version=examples_version, reason=reason)
    drift = psi(block.split.train, block.split.validation)
    return ContestRecord(
        problem=problem,
        name=f"block until {until:%Y-%m-%d %H:%M:%S}",
        ruling=ruling.as_data(),
        data=data,
        contestants=[_contestant(problem, block, ruling, one, data) for one in judged.values()],
        figures=_figures(block, ruling, judged)
        | {"drift": drift_figure(drift, problem=problem.name, limit=Limits().psi)},
        note=ruling.reason,
    )


def _figures(block: Block, ruling: Ruling, judged: Mapping[str, Judged]) -> dict[str, Figure]:
    """All contestants in one picture each; none where the block has one outcome only."""
    found = block.split.validation
    if not judged or len(set(found.labels.tolist())) < 2:
        return {}
    champion = ruling.winner or next((line.name for line in ruling.lines if line.is_champion), None)
    shown = {name: one.probabilities for name, one in judged.items()}
    return contest_figures(Shown(found, shown, champion if champion in shown else None))


def _data(problem: Problem, block: Block, *, examples_version: int, reason: str) -> dict[str, Any]:
    """What the contest's rows are read by, to be had again bit for bit."""
    return {
        "table": LABELLED_EXAMPLES.name,
        "version": examples_version,
        "problem_version": problem.version,
        "set_versions": set_versions(problem, feature_names(problem)),
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


def _contestant(
    problem: Problem, block: Block, ruling: Ruling, one: Judged, data: Mapping[str, Any]
) -> JudgedModel:
    entry = one.entry
    evaluation = one.evaluation.as_data() | {"row_micros": one.row_micros}
    parameters = dict(entry.parameters) | (_fit(entry.fit) if entry.fit else {})
    line = next(line for line in ruling.lines if line.name == entry.name)
    facts = CardFacts(
        problem,
        entry.name,
        entry.file,
        entry.threshold,
        evaluation,
        data,
        parameters,
        [asdict(gate) for gate in line.gates],
    )
    found = permutation_importance(entry.file, block.split.validation)
    return JudgedModel(
        name=entry.name,
        file=entry.file,
        threshold=entry.threshold,
        evaluation=evaluation,
        source=entry.source,
        version=entry.version,
        parameters=parameters,
        figures={"importance": importance_figure(found, problem=problem.name, name=entry.name)},
        card=model_card(facts),
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
