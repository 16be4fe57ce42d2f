"""Graphs that give every row the same probability: whose answer it is shows in the number."""

from functools import cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipelines.connectors.onnx_model import ModelFile
from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems import all_problems

PROBLEM = all_problems()["session_purchase"]
FEATURES = feature_names(PROBLEM)[:4]
KNOWN = dict.fromkeys(feature_names(PROBLEM))
"""What is known of a shopper of whom nothing is known."""


@cache
def constant(probability: float, features: tuple[str, ...] = FEATURES) -> ModelFile:
    """A model that says so whatever it is asked."""
    value = helper.make_tensor("p", TensorProto.FLOAT, [1], [probability])
    constants = {"first": np.array([0]), "one": np.array([1])}
    nodes = [
        helper.make_node("Shape", ["rows"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["count"]),
        helper.make_node("Concat", ["count", "one"], ["as"], axis=0),
        helper.make_node("ConstantOfShape", ["as"], ["probabilities"], value=value),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, len(features)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(one, name) for name, one in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return ModelFile(features, model.SerializeToString())


def telling(version: int) -> ModelFile:
    """A model whose probability is its version over 64, which float32 holds exactly."""
    return constant(version / 64)
