"""The functions of the schema `features` merge as the monoids do."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import connect, migrate
from pipelines.gold.features.monoids import Element, Monoid
from pipelines.gold.features.monoids.add import Add
from pipelines.gold.features.monoids.samples import LowestCounts, LowestHashes
from tests.conftest import empty_database

pytestmark = pytest.mark.services
SIZE = 3
_numbers = st.one_of(st.integers(-4, 4), st.sampled_from([-(2**63), 2**63 - 1]))
_sums = st.one_of(_numbers, st.integers(-(2**63), 2**63 - 1))
_samples = st.sets(_numbers, min_size=1, max_size=SIZE).map(sorted)
_counts = st.dictionaries(_numbers, st.integers(1, 2**40), min_size=1, max_size=SIZE)
_some = settings(max_examples=200)


@pytest.fixture(scope="module")
def cursor(stack, stack_names) -> Iterator[Cursor]:
    with empty_database(stack, stack_names) as address, connect(address) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            yield cursor


def merged(cursor: Cursor, monoid: Monoid, one: Element | None, other: Element | None) -> Element | None:
    """What Postgres makes of two elements."""
    given: dict[str, Any] = {}
    for side, element in (("old", one), ("new", other)):
        parts = element or [None] * len(monoid.columns)
        given |= {f"{side}_{name}": part for (name, _), part in zip(monoid.columns, parts, strict=True)}
    types = {pa.int64(): "bigint", pa.list_(pa.int64()): "bigint[]", pa.list_(pa.string()): "text[]"}
    old, new = (
        [f"cast(%({side}_{name})s as {types[kind]})" for name, kind in monoid.columns]
        for side in ("old", "new")
    )
    cursor.execute("select " + ", ".join(monoid.sql(old, new)), given)
    found = cursor.fetchone()
    return None if found is None or found[0] is None else found


@_some
@given(st.one_of(st.none(), _samples), st.one_of(st.none(), _samples))
def test_hashes(cursor: Cursor, one: list[int] | None, other: list[int] | None) -> None:
    elements = [None if hashes is None else (hashes,) for hashes in (one, other)]
    monoid = LowestHashes(SIZE)
    assert merged(cursor, monoid, *elements) == monoid.add(*elements)


@_some
@given(st.one_of(st.none(), _counts), st.one_of(st.none(), _counts))
def test_counts(cursor: Cursor, one: dict[int, int] | None, other: dict[int, int] | None) -> None:
    elements = [None if counts is None else counted(counts) for counts in (one, other)]
    monoid = LowestCounts(SIZE)
    assert merged(cursor, monoid, *elements) == monoid.add(*elements)


@_some
@given(st.one_of(st.none(), _sums), st.one_of(st.none(), _sums))
def test_sums(cursor: Cursor, one: int | None, other: int | None) -> None:
    """Beyond 64 bits, too, where a table of Arrow begins again at the other end."""
    elements = [None if number is None else (number,) for number in (one, other)]
    found = merged(cursor, Add(), *elements)
    assert found == (Add().add(*elements) or (0,))
    column = pa.array([one, other], pa.int64())
    assert [found] == [(total,) for (total,) in zip(*folded(column), strict=True)]


def folded(column: pa.Array) -> list[list[int]]:
    """The sum of the column, as tables of partials are folded."""
    return [one.to_pylist() for one in Add().fold_groups([column], np.zeros(2, np.int64), count=1)]


def counted(counts: dict[int, int]) -> Element:
    """Counts by hash as an element; a hash has one text."""
    hashes = sorted(counts)
    return hashes, [f'of "{hashed}\\' for hashed in hashes], [counts[hashed] for hashed in hashes]
