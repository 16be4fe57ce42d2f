"""The record of a contest: a run, below it a run for each contestant, and a version for each new model."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from pipelines.connectors.onnx_model import ModelFile
from pipelines.contracts.model_registry import NEWEST_CONTEST, experiment_name, registered_name
from pipelines.contracts.registered_model import CONTEST
from pipelines.gold.problems.problem import Problem
from training.tracking.code_version import code_version
from training.tracking.server import Server
from training.tracking.versions import NewVersion, register

AVERAGE_PRECISION = "average_precision"
RULING_FILE = "ruling.json"
DATA_FILE = "data.json"
_PARENT, _NOTE, _DIGEST = "mlflow.parentRunId", "mlflow.note.content", 36


@dataclass(frozen=True)
class JudgedModel:
    """One that was judged. `version`: where the registry has it already, as a champion or entered.

    `evaluation`: `metrics` by name with `value`, `low`, `high`, and whatever else it tells, as JSON has it.
    `card`: Markdown.
    """

    name: str
    file: ModelFile
    threshold: float
    evaluation: Mapping[str, Any]
    source: str = CONTEST
    version: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    card: str = ""


@dataclass(frozen=True)
class ContestRecord:
    """A contest as it is written down. `ruling` and `data` as JSON has them.

    `data`: versions of tables, bounds of blocks; a part of it with a `digest` is shown as a dataset.
    `figures`: those with several contestants.
    """

    problem: Problem
    name: str
    ruling: Mapping[str, Any]
    data: Mapping[str, Any]
    contestants: Sequence[JudgedModel]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Recorded:
    """The contest's run, and the registry's version of each contestant by its name."""

    run_id: str
    versions: Mapping[str, int]


def record_contest(server: Server, record: ContestRecord) -> Recorded:
    """Write it down; no alias is touched. Raises `ServiceError`, then the run is marked as failed."""
    with server.answering(f"record the contest {record.name} of {record.problem.name}") as client:
        experiment = experiment_of(client, record.problem)
        run = start_run(client, experiment, record.name, note=record.note)
        with ended(client, run):
            _describe(client, run, {"data": record.data}, record.figures)
            client.log_inputs(run, list(_datasets(record)))
            client.log_dict(run, dict(record.data), DATA_FILE)
            versions = {
                one.name: _record_contestant(client, record, one, experiment=experiment, parent=run)
                for one in record.contestants
            }
            client.log_dict(run, {**record.ruling, "versions": versions}, RULING_FILE)
        return Recorded(run, versions)


@contextmanager
def ended(client: MlflowClient, run: str) -> Iterator[None]:
    """Ends the run: finished, or failed where something was raised meanwhile."""
    try:
        yield
    except BaseException:
        with suppress(MlflowException):  # the first fault is the one to tell
            client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run, "FINISHED")


def experiment_of(client: MlflowClient, problem: Problem) -> str:
    """The id of the problem's experiment, made where it is not there yet."""
    name = experiment_name(problem.name)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another contest has made it meanwhile
            if found is None:
                raise
    return str(found.experiment_id)


def start_run(
    client: MlflowClient, experiment: str, name: str, *, parent: str | None = None, note: str = ""
) -> str:
    """The id of a new run that says which code it is of."""
    code = code_version()
    told = {"mlflow.source.name": "clicklake", "code.package": code["package"], _NOTE: note}
    if "commit" in code:
        told["mlflow.source.git.commit"] = code["commit"]
    if parent:
        told[_PARENT] = parent
    return str(client.create_run(experiment, run_name=name, tags=told).info.run_id)


def _record_contestant(
    client: MlflowClient, record: ContestRecord, one: JudgedModel, *, experiment: str, parent: str
) -> int:
    """Its run and, where it is new, its version; the number of that version."""
    run = start_run(client, experiment, one.name, parent=parent, note=one.card)
    with ended(client, run):
        _describe(client, run, {"parameters": one.parameters, "sha256": one.file.sha256}, one.figures)
        client.log_dict(run, dict(one.evaluation), "evaluation.json")
        client.log_text(run, one.card, "model_card.md")
        version, model_id = one.version, None
        if version is None:
            version, model_id = register(client, _new(record, one, parent), experiment=experiment, run=run)
        else:
            name = registered_name(record.problem.name)
            client.set_model_version_tag(name, str(version), NEWEST_CONTEST, parent)
        client.log_batch(run, metrics=list(_metrics(one.evaluation, model_id)))
        client.set_tag(run, "version", str(version))
    return version


def _new(record: ContestRecord, one: JudgedModel, parent: str) -> NewVersion:
    return NewVersion(
        problem=record.problem,
        name=one.name,
        source=one.source,
        file=one.file,
        threshold=one.threshold,
        card=one.card,
        parameters=one.parameters,
        average_precision=one.evaluation.get("metrics", {}).get(AVERAGE_PRECISION),
        contest=parent,
    )


def _describe(
    client: MlflowClient, run: str, facts: Mapping[str, Any], figures: Mapping[str, Figure]
) -> None:
    """Facts as parameters, nested ones by `a.b`, and plots."""
    params = [Param(key, text) for key, text in _flat(facts)]
    client.log_batch(run, params=params[:100], tags=[RunTag("parameters", str(len(params)))])
    for name, figure in figures.items():
        client.log_figure(run, figure, f"plots/{name}.png")


def _flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value if isinstance(value, str) else json.dumps(value, default=str)


def _metrics(evaluation: Mapping[str, Any], model_id: str | None) -> Iterator[Metric]:
    """Each metric, and its limits as metrics of their own; undefined ones are left out."""
    now = time.time_ns() // 1_000_000
    for name, found in evaluation.get("metrics", {}).items():
        for part, value in found.items():
            if value is not None and math.isfinite(value):
                key = name if part == "value" else f"{name}_{part}"
                yield Metric(key, value, now, 0, model_id=model_id)


def _datasets(record: ContestRecord) -> Iterator[DatasetInput]:
    for part, facts in record.data.items():
        if isinstance(facts, Mapping) and "digest" in facts:
            source = json.dumps({"versions": record.data.get("versions"), **facts}, default=str)
            dataset = Dataset(f"{record.problem.name} {part}", facts["digest"][:_DIGEST], "delta", source)
            yield DatasetInput(dataset, [InputTag("mlflow.data.context", part)])
