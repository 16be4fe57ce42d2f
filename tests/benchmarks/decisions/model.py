"""One model of 20 features for all servers: fitted on made-up rows, since only its cost is compared."""

import json
from pathlib import Path

import numpy as np
import onnx
from mlflow import onnx as mlflow_onnx
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier

from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems import all_problems

PROBLEM = all_problems()["checkout_purchase"]
COUNT = 20


def features() -> tuple[str, ...]:
    """The first 20 of the visitor's twin."""
    return tuple(name for name in feature_names(PROBLEM) if name.startswith("twin__"))[:COUNT]


def graph(seed: int) -> onnx.ModelProto:
    """A boosting of 50 trees."""
    chance = np.random.default_rng(seed)
    rows = chance.integers(0, 2, size=(4_000, COUNT)).astype(np.float32)
    labels = rows @ chance.normal(size=COUNT) + chance.normal(size=len(rows)) > 0
    fitted = HistGradientBoostingClassifier(max_iter=50, random_state=seed).fit(rows, labels)
    made = to_onnx(fitted, rows[:1], options={id(fitted): {"zipmap": False}}, target_opset=17)
    entry = made.metadata_props.add()
    entry.key, entry.value = "features", json.dumps(features())
    return made


def write(folder: Path, seed: int) -> Path:
    """The graph as a file."""
    path = folder / f"model-{seed}.onnx"
    path.write_bytes(graph(seed).SerializeToString())
    return path


def write_for_mlflow(folder: Path, seed: int) -> Path:
    """The same graph as MLflow serves it."""
    path = folder / "mlflow_model"
    mlflow_onnx.save_model(graph(seed), str(path))
    return path
