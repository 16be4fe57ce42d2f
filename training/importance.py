"""Which features a served model goes by."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from pipelines.connectors.onnx_model import ModelFile, OnnxModel
from training.examples import Examples, Floats, Integers


class Importance(NamedTuple):
    """Average precision lost when a feature's values are shuffled: mean and deviation over repeats."""

    feature: str
    loss: float
    deviation: float


def permutation_importance(
    file: ModelFile, examples: Examples, *, rows: int = 2_000, repeats: int = 3, seed: int = 0
) -> list[Importance]:
    """Each feature's importance, the largest first: L. Breiman, Random Forests (2001).

    On at most `rows` rows, half of them positive where there are enough, weighted back to what they stand
    for. The examples have the model's features in any order. None for rows of one outcome only.
    """
    model, random = OnnxModel(file), np.random.default_rng(seed)
    some = _sample(examples, rows=rows, random=random)
    if len(set(some.labels.tolist())) < 2:
        return []
    places = {name: place for place, name in enumerate(some.features)}
    values = some.values[:, [places[name] for name in file.features]]
    whole = _precision(some, model.probabilities(values))
    found = []
    for column, name in enumerate(file.features):
        losses = []
        for _ in range(repeats):
            shuffled = values.copy()
            shuffled[:, column] = random.permutation(values[:, column])
            losses.append(whole - _precision(some, model.probabilities(shuffled)))
        found.append(Importance(name, float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda one: -one.loss)


def _precision(examples: Examples, probabilities: Floats) -> float:
    return float(average_precision_score(examples.labels, probabilities, sample_weight=examples.weights))


def _sample(examples: Examples, *, rows: int, random: np.random.Generator) -> Examples:
    """Rows of both outcomes, whose weights give those of all."""
    if len(examples) <= rows:
        return examples
    positives, negatives = (np.flatnonzero(examples.labels == outcome) for outcome in (1, 0))
    kept = min(len(positives), max(rows // 2, rows - len(negatives)))
    chosen = [_chosen(positives, kept, random), _chosen(negatives, rows - kept, random)]
    some = examples.take(np.concatenate(chosen))
    shares = np.concatenate(
        [
            np.full(len(own), len(own) / len(of))
            for own, of in zip(chosen, (positives, negatives), strict=True)
            if len(of)
        ]
    )
    some.weights[:] = some.weights / shares
    return some


def _chosen(rows: Integers, count: int, random: np.random.Generator) -> Integers:
    return random.choice(rows, min(count, len(rows)), replace=False)
