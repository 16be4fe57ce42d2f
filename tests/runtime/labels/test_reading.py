"""Examples read without Spark: columns, order, groups, versions; refusals."""

import math
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.connectors.delta import ensure_without_spark
from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.labels import LABELLED_EXAMPLES
from pipelines.errors import LakeError
from pipelines.runtime.labels.reading import read_examples
from tests.gold.labels.plain_labels import AT, BY_PRODUCT

PROBLEM = replace(BY_PRODUCT, slices=("country", "device_class"))


def example(row_id, at, *, label=0, visitor="v", user=None, problem="by_product", **more):
    """A row decided `at` microseconds past 10:00."""
    same = {"problem_version": 2, "topic": "t", "partition": 0, "offset": at, "horizon_seconds": 60}
    said = {"clock": "known", "set_versions": {"session": 1}, "features": {}, "texts": {}, "slices": {}}
    who = {"visitor_id": visitor, "user_id": user, "row_id": row_id, "problem": problem}
    return same | said | who | {"decided_at": AT + at, "known_at": AT + at, "label": label} | more


@pytest.fixture
def names(tmp_path):
    """A lake whose table of examples is there and empty."""
    found = Names.of(var_dir=str(tmp_path), lake=None)
    ensure_without_spark(LABELLED_EXAMPLES, found.table(LABELLED_EXAMPLES.name))
    return found


def put(names, rows, *, mode="append"):
    """Add rows; the version of the table with them."""
    schema = arrow_schema(LABELLED_EXAMPLES)
    columns = {
        one.name: pa.array(
            [
                list(row[one.name].items()) if isinstance(row.get(one.name), dict) else row.get(one.name)
                for row in rows
            ],
            one.type,
        )
        for one in schema
    }
    path = names.table(LABELLED_EXAMPLES.name)
    write_deltalake(path, pa.table(columns, schema=schema), mode=mode)
    return DeltaTable(path).version()


def test_rows_in_order_with_a_column_a_feature(names):
    put(names, [example("b", 5, features={"s__b": 2.5, "s__a": 1.0}, label=1, slices={"country": "DE"})])
    put(names, [example("z", 5, features={"s__b": 0.1}), example("x", -1), example("y", 0, problem="other")])
    found = read_examples(names, PROBLEM)
    assert found.rows.to_pydict() == {
        "row_id": ["x", "b", "z"],
        "decided_at": [AT - 1, AT + 5, AT + 5],
        "group": ["v:v"] * 3,
        "label": [0, 1, 0],
        "weight": [1.0, 1.0, 1.0],
    }
    assert found.slices.to_pydict() == {"country": [None, "DE", None], "device_class": [None] * 3}
    assert found.features.schema.types == [pa.float32()] * 2
    assert found.features["s__a"].to_pylist()[1] == 1.0
    assert math.isnan(found.features["s__a"][2].as_py())
    assert found.features["s__b"].to_pylist()[1:] == [2.5, pytest.approx(0.1, rel=1e-7)]
    assert found.features.column_names == ["s__a", "s__b"]
    without = read_examples(names, replace(PROBLEM, left_out=("s__a",)))
    assert without.features.column_names == ["s__b"]


def test_a_version_is_read_again_as_it_was_and_bounds_hold(names):
    version = put(names, [example("a", 0), example("b", 10)])
    later = put(names, [example("c", 20)])
    assert read_examples(names, PROBLEM).version == later
    before = read_examples(names, PROBLEM, version=version)
    assert (before.version, before.rows["row_id"].to_pylist()) == (version, ["a", "b"])
    bounded = read_examples(names, PROBLEM, since=AT + 10, until=AT + 20)
    assert bounded.rows["row_id"].to_pylist() == ["b"]
    assert read_examples(names, PROBLEM, since=AT + 21).rows.num_rows == 0
    with pytest.raises(LakeError, match="version 99"):
        read_examples(names, PROBLEM, version=99)


def test_visitors_of_one_user_are_one_group_before_they_sign_in_too(names):
    who = [("v", None), ("v", "u"), ("w", "u"), ("w", None), ("x", None), ("y", "z"), ("u", None)]
    put(names, [example(f"{n}", n, visitor=visitor, user=user) for n, (visitor, user) in enumerate(who)])
    groups = read_examples(names, PROBLEM).rows["group"].to_pylist()
    assert groups == ["u:u", "u:u", "u:u", "u:u", "v:x", "u:z", "v:u"]


@pytest.mark.parametrize(
    "other", [{"problem_version": 1}, {"set_versions": {"session": 2}}, {"set_versions": {}}]
)
def test_rows_of_another_meaning_than_the_newest_are_left_out(names, other):
    put(names, [example("old", 0, **other), example("new", 1), example("newest", 2)])
    assert read_examples(names, PROBLEM).rows["row_id"].to_pylist() == ["new", "newest"]


def test_a_lake_without_examples_is_told(tmp_path):
    with pytest.raises(LakeError, match="run `clicklake run build_examples`"):
        read_examples(Names.of(var_dir=str(tmp_path), lake=None), PROBLEM)


def test_rows_that_an_action_may_have_moved_are_left_out_and_others_stand_for_them(names):
    acted = {"action": "reassure", "wanted_action": "reassure", "is_holdout": False, "propensity": 0.9}
    held = acted | {"action": "nothing", "is_holdout": True, "propensity": 0.1}
    let_be = {"action": "nothing", "wanted_action": "nothing", "is_holdout": False, "propensity": 0.8}
    told = [{}, acted, held, let_be, let_be | {"is_holdout": True, "propensity": 0.2}]
    put(names, [example(str(n), n, **one) for n, one in enumerate(told)])
    rows = read_examples(names, PROBLEM).rows
    assert rows["row_id"].to_pylist() == ["0", "2", "3"]
    assert rows["weight"].to_pylist() == [1.0, 10.0, 1.25]


def test_a_version_from_before_actions_were_noted_is_read_as_it_was(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    path = names.table(LABELLED_EXAMPLES.name)
    later = ("action", "wanted_action", "is_holdout")
    before = replace(
        LABELLED_EXAMPLES, columns=tuple(c for c in LABELLED_EXAMPLES.columns if c.name not in later)
    )
    ensure_without_spark(before, path)
    version = DeltaTable(path).version()
    ensure_without_spark(LABELLED_EXAMPLES, path)
    assert put(names, [example("a", 0)]) > version
    assert read_examples(names, PROBLEM, version=version).rows.num_rows == 0
    assert read_examples(names, PROBLEM).rows["weight"].to_pylist() == [1.0]
