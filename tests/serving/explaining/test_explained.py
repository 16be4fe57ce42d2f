"""The explanation of a live model's decision: against an unknown shopper, in ONNX Runtime, in time."""

import time
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier

from pipelines.connectors.onnx_model import ModelFile, OnnxModel
from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems import all_problems
from serving.explaining import explain, explained
from serving.explaining.background import unknown_shopper
from serving.models.live import LiveModel

NAMES = feature_names(all_problems()["checkout_purchase"])
MODEL_WIDTH = 100


def boosted(width: int) -> bytes:
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(1_000, width)).astype(np.float32)
    bought = rows[:, 0] + rows[:, 1] * rows[:, 2] + chance.normal(size=len(rows)) > 0
    trees = HistGradientBoostingClassifier(max_iter=100).fit(rows, bought)
    graph = to_onnx(trees, rows[:1], options={id(trees): {"zipmap": False}}, target_opset=17)
    found: bytes = graph.SerializeToString()
    return found


@pytest.fixture(scope="module")
def live() -> LiveModel:
    names = NAMES[:12]
    return LiveModel(
        problem="checkout_purchase",
        name="boosted",
        version=7,
        sha256="",
        features=names,
        model=OnnxModel(ModelFile(names, boosted(len(names)))),
        threshold=0.3,
        average_precision=None,
        set_versions={},
        problem_version=1,
        registered_at=datetime(2026, 1, 1, tzinfo=UTC),
        promoted_at=None,
    )


def test_a_decision_is_told_from_an_unknown_shopper_to_what_the_model_said(live):
    chance = np.random.default_rng(1)
    features = dict(zip(NAMES, [*chance.normal(size=len(NAMES) - 1).tolist(), None], strict=True))
    found = explained(live, features, "checkout_purchase:1:v:e")
    nobody = dict(zip(live.features, unknown_shopper(live.features), strict=True))
    assert found.probability == pytest.approx(live.probability(features), abs=1e-6)
    assert found.baseline_probability == pytest.approx(live.probability(nobody), abs=1e-6)
    for parts in (found.features, found.sets):
        whole = found.baseline_probability + sum(one.contribution for one in parts)
        assert whole == pytest.approx(found.probability, abs=1e-9)
    assert {one.name for one in found.features} == set(live.features)
    assert (found.decision_id, found.model, found.model_version) == ("checkout_purchase:1:v:e", "boosted", 7)
    assert found == explained(live, features, "checkout_purchase:1:v:e")
    assert found.features != explained(live, features, "checkout_purchase:1:v:f").features


def test_of_an_unknown_shopper_there_is_nothing_to_tell(live):
    nobody = dict(zip(live.features, unknown_shopper(live.features).tolist(), strict=True))
    found = explained(live, nobody, "d")
    assert found.probability == found.baseline_probability
    assert {one.contribution for one in found.features} == {0.0}


def test_an_unknown_shopper_has_done_nothing_yet():
    values = dict(zip(NAMES, unknown_shopper(NAMES).tolist(), strict=True))
    assert len(values) == len(NAMES)
    known = [one for one in values.values() if not np.isnan(one)]
    assert known
    assert set(known) <= {0.0}


def test_an_explanation_can_be_written_as_json(live):
    features = dict.fromkeys(NAMES, 1.0) | {NAMES[0]: None}
    told = msgspec.json.decode(msgspec.json.encode(explained(live, features, "d")))
    assert {one["value"] for one in told["features"] if one["name"] == NAMES[0]} == {None}
    assert told["permutations"] in {0, 64}


def test_a_hundred_features_take_milliseconds():
    names = [f"session__f{one}" for one in range(MODEL_WIDTH)]
    model = OnnxModel(ModelFile(tuple(names), boosted(MODEL_WIDTH)))
    row, baseline = np.random.default_rng(2).normal(size=(2, MODEL_WIDTH)).astype(np.float32)
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        explain(model.probabilities, names, row, baseline, seed="d", permutations=64)
        taken.append(time.perf_counter() - began)
    assert min(taken) <= 0.15
