"""Paths added up, against Python's own dictionaries."""

import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution.path_counts import PathCounts, counted, path_counts
from pipelines.gold.attribution.touches import DIRECT
from tests.gold.attribution.paths import SOURCES

rows_of_paths = st.lists(
    st.tuples(
        st.lists(st.sampled_from(SOURCES), max_size=4).map(tuple),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(-500, 500),
    ),
    max_size=30,
)


def by_dictionary(rows) -> list[tuple]:
    counts: dict[tuple[str, ...], Counter] = {}
    for sources, *numbers in rows:
        counts.setdefault(sources or (DIRECT,), Counter()).update(dict(enumerate(numbers)))
    return [(path, count[0], count[1], count[2]) for path, count in sorted(counts.items())]


@given(rows=rows_of_paths)
def test_one_row_per_distinct_path(rows):
    assert [tuple(row) for row in counted(rows).rows()] == by_dictionary(rows)


@given(rows=rows_of_paths, seed=st.integers())
def test_neither_order_nor_grouping_of_the_input_matters(rows, seed):
    one_by_one = [
        (sources, *numbers)
        for sources, sold, unsold, value in rows
        for numbers in [(sold, 0, value), (0, unsold, 0)]
    ]
    random.Random(seed).shuffle(one_by_one)
    assert columns(counted(rows)) == columns(counted(one_by_one))


def columns(counts: PathCounts) -> tuple:
    arrays = (counts.codes, counts.offsets, counts.conversions, counts.non_conversions, counts.value_minor)
    return counts.sources, *(array.tolist() for array in arrays)


def test_columns_by_hand():
    counts = counted([(("b", "a"), 1, 0, 5), (("a",), 0, 2, 0), (("b", "a"), 1, 1, 7)])
    assert columns(counts) == (("a", "b"), [0, 1, 0], [0, 1, 3], [0, 2], [2, 1], [0, 12])
    assert counts.path_of_touch.tolist() == [0, 1, 1]
    assert len(counts) == 2


@pytest.mark.parametrize("sources", [256, 257, 70_000])
def test_any_number_of_sources(sources):
    names = [f"s{index:05}" for index in range(sources)]
    counts = counted([((name, names[-1]), 1, 0, index) for index, name in enumerate(names)])
    assert [row.sources for row in counts.rows()] == [(name, names[-1]) for name in names]
    assert counts.value_minor.tolist() == list(range(sources))


def test_a_slice_of_a_longer_column_counts_its_own_rows():
    paths = pa.array([["z"], ["a", "b"], ["a"], ["a", "b"], ["y"]])
    sold = pa.array([100, 1, 2, 3, 100])
    none = pa.array([0] * 5)
    counts = path_counts(
        paths.slice(1, 3),
        conversions=sold.slice(1, 3),
        non_conversions=none.slice(1, 3),
        value_minor=none.slice(1, 3),
    )
    assert [tuple(row) for row in counts.rows()] == [(("a",), 2, 0, 0), (("a", "b"), 4, 0, 0)]


@pytest.mark.parametrize(
    ("paths", "conversions", "sentence"),
    [
        ([["a"], None], [1, 1], "null"),
        ([["a"], ["a", None]], [1, 1], "null"),
        ([["a"], ["b"]], [1, None], "null"),
        ([["a"], ["b"]], [1, -1], "conversions: a count is negative"),
    ],
)
def test_what_cannot_be_counted_is_refused(paths, conversions, sentence):
    ones = pa.array([1] * len(paths))
    with pytest.raises(ValueError, match=sentence):
        path_counts(
            pa.array(paths, pa.list_(pa.string())),
            conversions=pa.array(conversions),
            non_conversions=ones,
            value_minor=ones,
        )
