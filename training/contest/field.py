"""Who takes part in a contest: the champion, models prepared elsewhere, and who is fitted on the block."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.connectors.onnx_model import ModelFile, OnnxModel
from pipelines.contracts.registered_model import CONTEST, RegisteredModel
from pipelines.errors import FitError, ModelError
from pipelines.gold.problems.problem import Problem
from training.estimators.estimator import Estimator
from training.examples import Examples, Floats, Values
from training.fitting import Challenger, Progress, fit_challenger

_TIMED_ROWS = 300


@dataclass(frozen=True)
class Entry:
    """A model that can be judged. `version`: where the registry has it already. `fit`: how it was made."""

    name: str
    file: ModelFile
    threshold: float
    source: str = CONTEST
    version: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fit: Challenger | None = None

    def probabilities(self, examples: Examples) -> Floats:
        """What it says of these decisions. Raises `ModelError` where it wants a feature they have not."""
        return OnnxModel(self.file).probabilities(columns(examples, self.file.features))

    def row_micros(self, examples: Examples) -> float:
        """Median time of one decision, microseconds, one after the other as a server would."""
        model, rows = OnnxModel(self.file), columns(examples.take(_spread(len(examples))), self.file.features)
        took = []
        for number in range(len(rows)):
            began = time.perf_counter()
            model.probabilities(rows[number : number + 1])
            took.append(time.perf_counter() - began)
        return float(np.median(took) * 1e6) if took else 0.0


@dataclass(frozen=True)
class Absent:
    """One who could not come, and why."""

    name: str
    reason: str


def columns(examples: Examples, features: tuple[str, ...]) -> Values:
    """These features of the examples, in this order. Raises `ModelError` for one that they have not."""
    places = {name: number for number, name in enumerate(examples.features)}
    unknown = [name for name in features if name not in places]
    if unknown:
        raise ModelError(f"the model takes {', '.join(unknown[:3])}, which {examples.problem} has not.")
    return np.ascontiguousarray(examples.values[:, [places[name] for name in features]])


def registered(model: RegisteredModel, load: Callable[[RegisteredModel], ModelFile]) -> Entry | Absent:
    """A version of the registry, which may turn out not to be what it was."""
    name = f"{model.name} v{model.version}"
    try:
        return Entry(name, load(model), model.threshold, model.source, model.version)
    except ModelError as error:
        return Absent(name, str(error))


def fitted(
    train: Examples,
    estimators: Mapping[str, Estimator],
    *,
    problem: Problem,
    budget: int,
    seed: int,
    progress: Progress,
) -> Iterator[Entry | Absent]:
    """A challenger of each kind, searched and fitted on the block; one that cannot be says why."""
    for name, estimator in estimators.items():
        try:
            made = fit_challenger(
                train, estimator, problem=problem, budget=budget, seed=seed, progress=progress
            )
        except (FitError, ModelError) as error:
            yield Absent(name, str(error))
            continue
        yield Entry(name, made.file, made.threshold.used, parameters=made.parameters, fit=made)


def _spread(rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.unique(np.linspace(0, max(rows - 1, 0), min(rows, _TIMED_ROWS)).astype(np.int64))
