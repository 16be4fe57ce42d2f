"""Trees of scikit-learn as one ONNX node in double precision.

skl2onnx writes thresholds and leaves of trees in single precision, rounds the thresholds of histogram
boosting to the nearest (a row that lies on one may take the other branch), and forgets on which side a
decision tree sends a gap. `TreeEnsemble` of ai.onnx.ml 5 takes doubles: with rows cast from single
precision the comparisons are those of scikit-learn, exactly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper

_LESS_OR_EQUAL = 0
_SUM = 1


@dataclass(frozen=True)
class Tree:
    """Arrays by node. `left` < 0 marks a leaf; `gap_left`: whether a gap goes left; `value` of a leaf."""

    feature: npt.NDArray[Any]
    threshold: npt.NDArray[Any]
    left: npt.NDArray[Any]
    right: npt.NDArray[Any]
    gap_left: npt.NDArray[Any]
    value: npt.NDArray[Any]


def decision_trees(fitted: Iterable[Any], *, weight: float) -> list[Tree]:
    """Fitted decision trees; leaves give the share of positives, times `weight`."""
    trees = [one.tree_ for one in fitted]
    return [
        Tree(
            tree.feature,
            tree.threshold,
            tree.children_left,
            tree.children_right,
            np.asarray(tree.missing_go_to_left).astype(bool),
            weight * tree.value[:, 0, -1] / tree.value[:, 0, :].sum(axis=1),
        )
        for tree in trees
    ]


def boosted_trees(fitted: Any) -> list[Tree]:
    """The trees of a fitted two-class histogram boosting; leaves give log-odds."""
    return [_boosted(stage[0].nodes) for stage in fitted._predictors]


def _boosted(nodes: npt.NDArray[Any]) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        nodes["feature_idx"],
        nodes["num_threshold"],
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"],
    )


def ensemble_node(trees: list[Tree], *, source: str, target: str) -> NodeProto:
    """The node that gives the sum of the trees' leaves, [rows, 1], for double rows `source`."""
    parts = [_flat(tree) for tree in trees]
    branches = np.cumsum([0, *(len(part["featureids"]) for part in parts)])
    leaves = np.cumsum([0, *(len(part["leaves"]) for part in parts)])
    told: dict[str, list[Any]] = {name: [] for name in _LISTS}
    splits, weights = [], []
    for part, branch, leaf in zip(parts, branches, leaves, strict=False):
        for side in ("true", "false"):
            is_leaf = part[f"{side}leafs"]
            told[f"nodes_{side}leafs"] += is_leaf.tolist()
            told[f"nodes_{side}nodeids"] += (part[f"{side}ids"] + np.where(is_leaf, leaf, branch)).tolist()
        told["nodes_featureids"] += part["featureids"].tolist()
        told["nodes_missing_value_tracks_true"] += part["gaps"].tolist()
        splits.append(part["splits"])
        weights.append(part["leaves"])
    return helper.make_node(
        "TreeEnsemble",
        [source],
        [target],
        domain="ai.onnx.ml",
        aggregate_function=_SUM,
        post_transform=0,
        n_targets=1,
        tree_roots=branches[:-1].tolist(),
        nodes_modes=_tensor("modes", np.full(branches[-1], _LESS_OR_EQUAL), TensorProto.UINT8),
        nodes_splits=_tensor("splits", np.concatenate(splits), TensorProto.DOUBLE),
        leaf_weights=_tensor("leaves", np.concatenate(weights), TensorProto.DOUBLE),
        leaf_targetids=[0] * int(leaves[-1]),
        **{name: [int(one) for one in numbers] for name, numbers in told.items()},
    )


_LISTS = (
    "nodes_featureids",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_trueleafs",
    "nodes_falseleafs",
    "nodes_missing_value_tracks_true",
)


def _flat(tree: Tree) -> dict[str, npt.NDArray[Any]]:
    """Branches and leaves numbered apart, each from 0; a lone leaf hangs on a branch that asks nothing."""
    leaf = np.asarray(tree.left) < 0
    number = np.where(leaf, np.cumsum(leaf) - 1, np.cumsum(~leaf) - 1)
    inner = np.flatnonzero(~leaf) if not leaf[0] else np.array([0])
    left, right = (np.asarray(side)[inner] if not leaf[0] else inner for side in (tree.left, tree.right))
    return {
        "featureids": np.maximum(np.asarray(tree.feature)[inner].astype(np.int64), 0),
        "splits": np.asarray(tree.threshold)[inner].astype(np.float64),
        "gaps": np.asarray(tree.gap_left)[inner].astype(np.int64),
        "trueids": number[left],
        "falseids": number[right],
        "trueleafs": leaf[left].astype(np.int64),
        "falseleafs": leaf[right].astype(np.int64),
        "leaves": np.asarray(tree.value)[leaf].astype(np.float64),
    }


def _tensor(name: str, numbers: npt.NDArray[Any], kind: int) -> TensorProto:
    return helper.make_tensor(name, kind, [len(numbers)], numbers.tolist())
