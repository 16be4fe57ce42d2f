"""Fitted scikit-learn models as nodes of one ONNX graph, all in double precision.

Trees and this project's own preparations are written here; all else is converted by skl2onnx.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from training.fitting.tree_graph import Tree, boosted_trees, decision_trees, ensemble_node
from training.preparation import BOUND, EmptyFilled, Preparation

OPSETS = {"": 21, "ai.onnx.ml": 5}
_IR_VERSION = 10  # of the ONNX release that brought these opsets


class Graph:
    """Nodes and constants, gathered. Names of what nodes give are made here."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def name(self) -> str:
        """A name not used yet."""
        return f"v{len(self._nodes)}_{len(self._constants)}"

    def constant(self, numbers: npt.ArrayLike, kind: type = np.float64) -> str:
        """The name of an array."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(numbers, dtype=kind), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The name of what a new node gives."""
        target = self.name()
        self.add(helper.make_node(kind, list(inputs), [target], **attributes))
        return target

    def add(self, node: NodeProto) -> None:
        """Takes a ready node."""
        self._nodes.append(node)

    def merge(self, model: ModelProto, source: str, *, output: int) -> str:
        """Takes a whole model, fed by `source`; the name of that output of it."""
        prefixed = compose.add_prefix(model, f"{self.name()}_").graph
        self._nodes.append(helper.make_node("Identity", [source], [prefixed.input[0].name]))
        self._nodes.extend(prefixed.node)
        self._constants.extend(prefixed.initializer)
        return str(prefixed.output[output].name)

    def model(self, *, source: str, features: int, target: str) -> ModelProto:
        """The graph from single-precision rows `source` to one double a row, named `target`."""
        graph = helper.make_graph(
            self._nodes,
            "clicklake",
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, [None, features])],
            [helper.make_tensor_value_info(target, TensorProto.DOUBLE, [None])],
            self._constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


def write_classifier(graph: Graph, model: Any, source: str, features: int) -> str:
    """Adds a fitted two-class model; the name of its probability, [rows, 1]."""
    if isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            source, features = _write_step(graph, step, source, features)
        return write_classifier(graph, model.steps[-1][1], source, features)
    writer = _CLASSIFIERS.get(type(model))
    return writer(graph, model, source, features) if writer else _converted(graph, model, source, features)


def _converted(graph: Graph, model: Any, source: str, features: int) -> str:
    rows = [("rows", DoubleTensorType([None, features]))]
    options = {id(model): {"zipmap": False}}
    converted = to_onnx(model, initial_types=rows, options=options, target_opset=OPSETS)
    both = graph.merge(converted, source, output=1)
    return graph.node("Gather", both, graph.constant([1], np.int64), axis=1)


def _write_step(graph: Graph, step: Any, source: str, features: int) -> tuple[str, int]:
    if isinstance(step, Preparation):
        return _prepared(graph, step, source), features * (2 if step.indicators else 1)
    if isinstance(step, EmptyFilled):
        empty = graph.constant(step.empty_[np.newaxis, :], np.bool_)
        return graph.node("Where", empty, graph.constant(0.0), source), features
    rows = [("rows", DoubleTensorType([None, features]))]
    converted = to_onnx(step, initial_types=rows, target_opset=OPSETS)
    width = len(step.get_feature_names_out())
    return graph.merge(converted, source, output=0), width


def _prepared(graph: Graph, step: Preparation, source: str) -> str:
    missing = graph.node("IsNaN", source)
    shaped = source
    if step.skewed:
        size = graph.node("Log", graph.node("Add", graph.node("Abs", source), graph.constant(1.0)))
        shaped = graph.node("Mul", graph.node("Sign", source), size)
    centred = graph.node("Sub", shaped, graph.constant(step.mean_))
    scaled = graph.node("Mul", centred, graph.constant(step.scale_))
    bounded = graph.node("Clip", scaled, graph.constant(-BOUND), graph.constant(BOUND))
    filled = graph.node("Where", missing, graph.constant(0.0), bounded)
    if not step.indicators:
        return filled
    return graph.node("Concat", filled, graph.node("Cast", missing, to=TensorProto.DOUBLE), axis=1)


def _sum_of(graph: Graph, trees: list[Tree], source: str) -> str:
    target = graph.name()
    graph.add(ensemble_node(trees, source=source, target=target))
    return target


def _decision_tree(graph: Graph, model: DecisionTreeClassifier, source: str, _features: int) -> str:
    return _sum_of(graph, decision_trees([model], weight=1), source)


def _forest(graph: Graph, model: Any, source: str, _features: int) -> str:
    return _sum_of(graph, decision_trees(model.estimators_, weight=1 / len(model.estimators_)), source)


def _boosting(graph: Graph, model: HistGradientBoostingClassifier, source: str, _features: int) -> str:
    start = graph.constant(float(np.ravel(model._baseline_prediction)[0]))
    return graph.node("Sigmoid", graph.node("Add", _sum_of(graph, boosted_trees(model), source), start))


def _votes(graph: Graph, model: VotingClassifier, source: str, features: int) -> str:
    weights = np.ones(len(model.estimators_)) if model.weights is None else np.asarray(model.weights, float)
    shares = weights / weights.sum()
    parts = [
        graph.node("Mul", write_classifier(graph, one, source, features), graph.constant(share))
        for one, share in zip(model.estimators_, shares, strict=True)
    ]
    return graph.node("Sum", *parts)


_CLASSIFIERS: dict[type, Callable[[Graph, Any, str, int], str]] = {
    DecisionTreeClassifier: _decision_tree,
    RandomForestClassifier: _forest,
    ExtraTreesClassifier: _forest,
    HistGradientBoostingClassifier: _boosting,
    VotingClassifier: _votes,
}
