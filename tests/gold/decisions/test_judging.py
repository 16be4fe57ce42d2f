"""By which decisions a model may be judged: weights by hand, and their sum over what chance may draw."""

from itertools import product

import pyarrow as pa
import pytest

from pipelines.gold.decisions.judging import JUDGED_BY, weights, were_right
from pipelines.gold.problems import all_problems

PROBLEMS = all_problems()


def weight(action, wanted, is_holdout, propensity):
    row = dict(zip(JUDGED_BY, (action, wanted, is_holdout, propensity), strict=True))
    types = zip(JUDGED_BY, (pa.string(), pa.string(), pa.bool_(), pa.float64()), strict=True)
    (found,) = weights(pa.Table.from_pylist([row], schema=pa.schema(list(types))))
    return float(found)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((None, None, None, None), 1),
        (("reassure", "reassure", False, 0.9), 0),
        (("nothing", "reassure", True, 0.1), 10),
        (("nothing", "reassure", False, 0.05), 0),
        (("nothing", "nothing", False, 0.8), 1.25),
        (("nothing", "nothing", True, 0.1), 0),
        (("reassure", "nothing", False, 0.01), 0),
        (("nothing", "nothing", None, 1.0), 1),
        (("nothing", "reassure", True, 0.0), 0),
    ],
)
def test_weights_by_hand(row, expected):
    assert weight(*row) == pytest.approx(expected)


@pytest.mark.parametrize(("held", "tried"), product([0.05, 0.5], [0.0, 0.1]))
@pytest.mark.parametrize("wanted", ["nothing", "reassure"])
def test_every_decision_counts_once_on_average(held, tried, wanted):
    arms = ["nothing", "reassure", "discount_now"]
    chances = {one: (1 - held) * (tried / len(arms) + (1 - tried) * (one == wanted)) for one in arms}
    expected = held * weight("nothing", wanted, True, held)
    expected += sum(chance * weight(one, wanted, False, chance) for one, chance in chances.items())
    assert expected == pytest.approx(1)


def test_right_is_on_the_outcomes_side_of_the_threshold():
    name = "checkout_purchase"
    at = PROBLEMS[name].worth.threshold
    said = [(at, 1), (at, 0), (at - 1e-9, 0), (at - 1e-9, 1), (None, 1), (0.9, None)]
    found = were_right(PROBLEMS, [name] * len(said), *zip(*said, strict=True))
    assert found == [True, False, True, False, None, None]
    assert were_right(PROBLEMS, ["gone"], [0.5], [1]) == [None]
