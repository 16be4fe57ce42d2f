"""A fitted model with all that follows it, as one ONNX graph that gives the same probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from pipelines.connectors.onnx_model import ModelFile, OnnxModel
from pipelines.errors import ModelError
from training.examples import Floats, Values
from training.fitting.calibration import CLIP, Calibration, Isotonic, Untouched
from training.fitting.graph import Graph, write_classifier
from training.fitting.negative_sampling import corrected

TOLERANCE = 1e-6
_SOURCE, _TARGET = "features", "probability"


@dataclass(frozen=True)
class Fitted:
    """A fitted classifier, the share of negatives it saw, and the curve that calibrates it."""

    model: Any
    negatives_share: float
    calibration: Calibration

    def probabilities(self, values: Values) -> Floats:
        """The probability of the outcome for each row of features, computed in double as in the graph."""
        raw = self.model.predict_proba(values.astype(np.float64))[:, 1]
        return self.calibration(corrected(raw, self.negatives_share))


def export(fitted: Fitted, features: tuple[str, ...], *, rows: Values) -> ModelFile:
    """The graph float32[rows, features] -> double[rows], named `features` and `probability`.

    Raises `ModelError` where it cannot be written, or differs from `fitted` by more than 1e-6 on `rows`.
    """
    try:
        file = ModelFile(features, _graph(fitted, len(features)))
    except Exception as error:
        name = type(fitted.model).__name__
        raise ModelError(f"{name} cannot be written as an ONNX graph: {error}") from error
    apart = difference(fitted, file, rows)
    if not apart <= TOLERANCE:
        raise ModelError(
            f"the ONNX graph of {type(fitted.model).__name__} differs from it by {apart:.2g} on"
            f" {len(rows)} rows; at most {TOLERANCE:g} is allowed, so it is not kept."
        )
    return file


def difference(fitted: Fitted, file: ModelFile, rows: Values) -> float:
    """The largest difference between the probabilities of both on these rows."""
    if not len(rows):
        return 0.0
    return float(np.abs(OnnxModel(file).probabilities(rows) - fitted.probabilities(rows)).max())


def _graph(fitted: Fitted, features: int) -> bytes:
    graph = Graph()
    rows = graph.node("Cast", _SOURCE, to=TensorProto.DOUBLE)
    found = write_classifier(graph, fitted.model, rows, features)
    if fitted.negatives_share < 1:
        found = _corrected(graph, found, fitted.negatives_share)
    curved = _calibrated(graph, found, fitted.calibration)
    flat = graph.node("Reshape", curved, graph.constant([-1], np.int64))
    graph.add(helper.make_node("Clip", [flat, graph.constant(0.0), graph.constant(1.0)], [_TARGET]))
    return bytes(graph.model(source=_SOURCE, features=features, target=_TARGET).SerializeToString())


def _corrected(graph: Graph, found: str, share: float) -> str:
    scaled = graph.node("Mul", found, graph.constant(share))
    rest = graph.node("Sub", graph.constant(1.0), found)
    return graph.node("Div", scaled, graph.node("Add", scaled, rest))


def _calibrated(graph: Graph, found: str, curve: Calibration) -> str:
    if isinstance(curve, Untouched):
        return found
    inner = graph.node("Clip", found, graph.constant(CLIP), graph.constant(1 - CLIP))
    against = graph.node("Sub", graph.constant(1.0), inner)
    odds = graph.node("Log", graph.node("Div", inner, against))
    if isinstance(curve, Isotonic):
        return _interpolated(graph, odds, curve)
    steep = graph.node("Mul", odds, graph.constant(curve.slope))
    return graph.node("Sigmoid", graph.node("Add", steep, graph.constant(curve.intercept)))


def _interpolated(graph: Graph, odds: str, curve: Isotonic) -> str:
    """The height of the first knot, and of each piece as much as lies below the row's log-odds."""
    lengths = np.diff(curve.knots)
    beyond = graph.node("Sub", odds, graph.constant(curve.knots[:-1]))
    walked = graph.node("Min", graph.node("Max", beyond, graph.constant(0.0)), graph.constant(lengths))
    slopes = graph.constant((np.diff(curve.values) / lengths)[:, np.newaxis])
    return graph.node("Add", graph.node("MatMul", walked, slopes), graph.constant(curve.values[0]))
