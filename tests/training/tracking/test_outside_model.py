"""Models prepared elsewhere: those that can take part do, all others are refused with one sentence."""

import json
import pickle

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.errors import SettingsError
from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems import all_problems
from tests.training.tracking.outside_models import (
    FEATURES,
    shoppers,
    write_gaussian,
    write_outside_model,
    write_tree,
)
from training.tracking.outside_model import outside_model

CHECKOUT = all_problems()["checkout_purchase"]


def graph(path, *, width=2, operator="Sigmoid", rows="rows", kind=TensorProto.FLOAT, outputs=1):
    """An ONNX file of one operator over the rows, and its named features."""
    given = helper.make_tensor_value_info("x", kind, [rows, width])
    told = helper.make_tensor_value_info("y", kind, [rows, outputs])
    picked = helper.make_node("Slice", ["x", "from", "to", "axis"], ["part"])
    ends = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("from", 0), ("to", outputs), ("axis", 1))
    ]
    nodes = [picked, helper.make_node(operator, ["part"], ["y"])]
    made = helper.make_model(
        helper.make_graph(nodes, "g", [given], [told], ends), opset_imports=[helper.make_opsetid("", 17)]
    )
    made.ir_version = 9
    onnx.save(made, path)
    return path


def refused(path, *, features=None) -> str:
    with pytest.raises(SettingsError) as told:
        outside_model(path, CHECKOUT, features=features)
    assert str(path) in str(told.value) or (features and str(features) in str(told.value))
    return str(told.value)


def listed(path, names):
    path.write_text(json.dumps(names))
    return path


@pytest.mark.parametrize("write", [write_tree, write_gaussian])
def test_models_of_scikit_learn_take_part_with_the_features_they_name(tmp_path, write):
    file = outside_model(write(tmp_path / "m.onnx"), CHECKOUT)
    assert file.features == FEATURES
    assert set(FEATURES) <= set(feature_names(CHECKOUT))
    rows, bought = shoppers(seed=5)
    given = OnnxModel(file).probabilities(rows)
    assert given[bought == 1].mean() > 3 * given[bought == 0].mean()


def test_features_in_a_file_go_before_those_of_the_metadata(tmp_path):
    path = write_tree(tmp_path / "m.onnx")
    turned = list(reversed(FEATURES))
    assert outside_model(path, CHECKOUT, features=listed(tmp_path / "f.json", turned)).features == tuple(
        turned
    )


def test_as_wide_as_the_problem_needs_no_names(tmp_path):
    full = feature_names(CHECKOUT)
    with pytest.raises(SettingsError, match="NaN"):  # and is tried on gaps as any other
        outside_model(graph(tmp_path / "m.onnx", width=len(full)), CHECKOUT)


def test_who_takes_fewer_features_must_name_them(tmp_path):
    path = write_outside_model(tmp_path / "m.onnx", DecisionTreeClassifier(max_depth=3), named=False)
    assert "takes 23 features and does not name them" in refused(path)


def test_pickles_are_never_loaded(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    path = tmp_path / "m.onnx"
    path.write_bytes(pickle.dumps(Harmful()))
    assert "which is never loaded" in refused(path)


def test_what_is_no_graph(tmp_path):
    (tmp_path / "text.onnx").write_text("once upon a time")
    assert "is no ONNX model" in refused(tmp_path / "text.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    assert "is no ONNX model" in refused(tmp_path / "empty.onnx")
    assert "cannot be read (No such file" in refused(tmp_path / "none.onnx")


def test_a_file_larger_than_the_problem_takes(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\0" * (21 << 20))
    assert "21 MiB; the problem takes models to 20 MiB" in refused(path)


def test_weights_in_other_files(tmp_path):
    path = graph(tmp_path / "m.onnx")
    made = onnx.load(path)
    far = made.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[2])
    far.data_location = TensorProto.EXTERNAL
    far.external_data.add(key="location", value="passwd")
    path.write_bytes(made.SerializeToString())
    refused(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["twin__sign_in"], "takes 2 features, but 1 are named"),
        (["twin__sign_in", "twin__sign_in"], "names a feature twice"),
        (["twin__sign_in", "product__views"], "checkout_purchase has no feature product__views"),
        ({"twin__sign_in": 1}, "must be a JSON list of names"),
    ],
)
def test_features_that_do_not_fit(tmp_path, names, says):
    path = graph(tmp_path / "m.onnx")
    assert says in refused(path, features=listed(tmp_path / "f.json", names))


def test_inputs_and_outputs_of_another_shape(tmp_path):
    assert "its input must be float" in refused(graph(tmp_path / "a.onnx", kind=TensorProto.DOUBLE))
    assert "its input must be float" in refused(graph(tmp_path / "b.onnx", rows=1))
    zipped = write_outside_model(tmp_path / "c.onnx", GaussianNB(), zipmap=True)
    assert "option zipmap=False" in refused(zipped)


def test_what_are_no_probabilities(tmp_path):
    names = listed(tmp_path / "f.json", ["twin__sign_in", "twin__sort_by"])
    assert "put an imputer before it" in refused(graph(tmp_path / "a.onnx"), features=names)
    path = write_tree(tmp_path / "b.onnx")
    made = onnx.load(path)
    made.graph.node.add(op_type="Add", input=["probabilities", "probabilities"], output=["sum"])
    made.graph.output[-1].name = "sum"
    path.write_bytes(made.SerializeToString())
    assert "no probabilities" in refused(path)


def test_the_rows_it_is_tried_on_are_told_apart(tmp_path):
    """A model that looks at the other rows of its batch cannot serve one decision at a time."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])
    told = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])
    node = helper.make_node("Softmax", ["x"], ["y"], axis=0)
    made = helper.make_model(
        helper.make_graph([node], "g", [given], [told]), opset_imports=[helper.make_opsetid("", 17)]
    )
    made.ir_version = 9
    onnx.save(made, tmp_path / "m.onnx")
    names = listed(tmp_path / "f.json", ["twin__sign_in", "twin__sort_by"])
    assert "alone than among others" in refused(tmp_path / "m.onnx", features=names)


def test_numbers_are_compared_as_they_are_served(tmp_path):
    file = outside_model(write_tree(tmp_path / "m.onnx"), CHECKOUT)
    gaps = np.full((1, len(FEATURES)), np.nan, np.float32)
    assert 0 <= OnnxModel(file).probabilities(gaps)[0] <= 1
