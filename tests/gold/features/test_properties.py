"""What is read of `properties`, into which anybody can write anything."""

import pytest

from pipelines.gold.features.event import table_of
from pipelines.gold.features.values import Property

LARGEST = 2**53 - 1


@pytest.mark.parametrize(
    ("json", "integer", "text"),
    [
        ("3", 3, None),
        ("true", 1, None),
        ("3.0", None, None),
        (str(LARGEST), LARGEST, None),
        (str(-LARGEST), -LARGEST, None),
        (str(LARGEST + 1), None, None),
        (str(-(2**63)), None, None),
        (str(10**30), None, None),
        ('"3"', None, "3"),
        ('""', None, ""),
        (f'"{"é" * 1024}"', None, "é" * 1024),
        (f'"{"é" * 1025}"', None, None),
        ('"a\\u0000b"', None, None),
        ("null", None, None),
        ("[3]", None, None),
        ('{"b": 3}', None, None),
    ],
    ids=lambda one: str(one)[:12],
)
def test_a_value_of_another_kind_or_size_is_none(json, integer, text):
    events = [{"properties": f'{{"a": {{"b": {json}}}}}'}, {"properties": None}, {"properties": '{"a": 1}'}]
    for value, expected in ((Property("a.b"), integer), (Property("a.b", "text"), text)):
        found = [value.of(event) for event in events]
        assert found == [expected, None, None]
        assert value.of_rows(table_of(events)).to_pylist() == found
