"""All marts of random visits against plain Python, row by row."""

import random

import pytest

from pipelines.gold.marts import MartRules
from tests.gold.marts.mart_rows import all_of, in_order
from tests.gold.marts.plain_marts import plain_marts
from tests.gold.marts.random_silver import arrivals, as_silver

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("seed", "rules"), [(1, MartRules()), (2, MartRules(gap_seconds=900, path_steps=2, period_days=1))]
)
def test_marts_are_what_plain_python_makes(spark, seed, rules):
    tables = as_silver(arrivals(random.Random(seed), visitors=300), first=0)
    found = all_of(spark, tables, rules)
    for name, rows in plain_marts(tables, rules).items():
        assert found[name] == in_order(rows, name), name
