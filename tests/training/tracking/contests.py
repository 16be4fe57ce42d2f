"""Contests to record: small graphs, invented figures."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from pipelines.connectors.onnx_model import ModelFile
from pipelines.gold.problems import all_problems
from tests.training.tracking.outside_models import FEATURES, write_gaussian, write_tree
from training.tracking.runs import ContestRecord, JudgedModel

CHECKOUT = all_problems()["checkout_purchase"]


@cache
def files() -> tuple[ModelFile, ModelFile]:
    """The tree and the Gaussian."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "m.onnx")
        return tuple(ModelFile(FEATURES, write(path).read_bytes()) for write in (write_tree, write_gaussian))


def contestant(name="tree", file=None, value=0.5, version=None, **more) -> JudgedModel:
    """One that was judged with that average precision, ± 0.1."""
    metrics = {
        "average_precision": {"value": value, "low": value - 0.1, "high": value + 0.1},
        "lift": {"value": 3.0, "low": None, "high": None},
    }
    return JudgedModel(
        name=name,
        file=file or files()[0],
        threshold=1 / 3,
        evaluation={"metrics": metrics, "slices": {}},
        version=version,
        parameters={"max_depth": 6},
        figures={"calibration": Figure()},
        card=f"# {name}",
        **more,
    )


def record(*contestants, name="block 2", ruling=None) -> ContestRecord:
    """A contest of these."""
    data = {
        "versions": {"gold.labelled_examples": 12},
        "train": {"from": "2026-11-01", "rows": 10_000, "digest": "ab" * 32},
        "validation": {"from": "2026-11-02", "rows": 10_000, "digest": "cd" * 32},
    }
    told = ruling or {"winner": contestants[0].name, "lines": [{"name": one.name} for one in contestants]}
    return ContestRecord(CHECKOUT, name, told, data, contestants, {"precision_recall": Figure()}, "# Ruling")
