"""Models that score now: what one decision takes in its hand, once, and uses to its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.contracts.registered_model import RegisteredModel
from serving.models.told import Told
from serving.scoring.known import Stale

_MICROS_PER_MS = 1_000


@dataclass(frozen=True)
class LiveModel:
    """A version that is loaded, checked and warm.

    `name`: the contestant's. `threshold`: the probability above which it was judged to act.
    `average_precision`: value, low, high on the data it was judged by; None before that. `promoted_at`: when
    it last became champion, None where it never did.
    """

    problem: str
    name: str
    version: int
    sha256: str
    features: tuple[str, ...]
    model: OnnxModel
    threshold: float
    average_precision: Mapping[str, float | None] | None
    set_versions: Mapping[str, int]
    problem_version: int
    registered_at: datetime
    promoted_at: datetime | None

    @classmethod
    def of(cls, registered: RegisteredModel, model: OnnxModel) -> "LiveModel":
        """A registered version with its loaded graph."""
        promotion = registered.promotion
        return cls(
            problem=registered.problem,
            name=registered.name,
            version=registered.version,
            sha256=registered.sha256,
            features=model.features,
            model=model,
            threshold=registered.threshold,
            average_precision=registered.average_precision,
            set_versions=registered.set_versions,
            problem_version=registered.problem_version,
            registered_at=registered.created_at,
            promoted_at=None if promotion is None else promotion.at,
        )

    def probability(self, features: Mapping[str, Any]) -> float:
        """The probability of the outcome, by `<set>__<feature>` → value; None is a feature without value."""
        row = np.array([[features[name] for name in self.features]], np.float32)
        return float(self.model.probabilities(row)[0])


@dataclass(frozen=True)
class Serving:
    """All that scores for a problem, as one: replaced as a whole, so that no decision sees half a swap.

    `champion` decides, None before the first; `shadows` score and decide nothing. `previous`, `challenger`:
    versions that hold these aliases, loaded or not. `since`: when this champion went live here.
    """

    problem: str
    champion: LiveModel | None = None
    shadows: tuple[LiveModel, ...] = ()
    previous: int | None = None
    challenger: int | None = None
    since: datetime | None = field(default=None, compare=False)


class LiveModels:
    """The models of each problem. `of` and `take_over` belong to the loop's thread, `tell` to any.

    `stale_after_micros`: how long MLflow may be silent before answers say so.
    """

    def __init__(self, problems: Iterable[str], *, stale_after_micros: int) -> None:
        self._stale_after = stale_after_micros
        self._serving = {name: Serving(name) for name in problems}
        self._told = {name: Told(name) for name in self._serving}

    def of(self, problem: str) -> Serving:
        """What scores now. A decision asks once. Raises `KeyError` for what is no problem."""
        return self._serving[problem]

    def told(self, problem: str) -> Told:
        """What the watch of this problem has to say, for operators and metrics."""
        return self._told[problem]

    def take_over(self, serving: Serving) -> None:
        """From now on decisions use this."""
        self._serving[serving.problem] = serving

    def tell(self, told: Told) -> None:
        """Replace what is told of a problem."""
        self._told[told.problem] = told

    def stale(self, problem: str, *, now: int) -> tuple[Stale, ...]:
        """What of the problem's model is not sure to be present; `now` in UTC microseconds.

        `mlflow`: it did not say for too long what holds. `model`: it names a champion that was refused.
        """
        told, found = self._told[problem], []
        if told.answered is None:
            found.append(Stale("mlflow", None))
        elif now - told.answered > self._stale_after:
            found.append(Stale("mlflow", (now - told.answered) // _MICROS_PER_MS))
        if told.withheld is not None:
            found.append(Stale("model", max(0, now - told.withheld) // _MICROS_PER_MS))
        return tuple(found)
