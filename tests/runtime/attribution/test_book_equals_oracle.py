"""Whatever comes in whatever order and batches: the book in Postgres is what plain Python says."""

import uuid
from contextlib import closing
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.connectors.ledger import Entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS
from pipelines.connectors.postgres import open_connection
from pipelines.contracts.clock import moment
from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.oracle import AttributionOracle
from pipelines.gold.attribution.touches import MICROS
from pipelines.runtime.attribution.keeper import BookKeeper
from pipelines.runtime.attribution.stored import BOOK, differences, stored_rows
from tests.runtime.attribution.shops import LOOK_BACK_SECONDS, Record, shops, taken_by_batch

pytestmark = pytest.mark.services
FIT = Fit("markov", 7, {"google": 0.5, "facebook": 0.25, "direct": 0.25}, {}, {})
_EMPTY = "; ".join(
    f"delete from {table}"
    for table in (*(f"gold.{one}" for one in BOOK), "gold.user_versions", "gold.product_versions")
)


class Book:
    """The book of a shop at a time."""

    def __init__(self, address):
        self.keeper = BookKeeper(address, query=ATTRIBUTE_ORDERS, look_back_seconds=LOOK_BACK_SECONDS)
        self._connection = open_connection(address, application="test")
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(
                """insert into gold.attribution_fits values ('markov', 7, now(), '{}',
                '{"google": 0.5, "facebook": 0.25, "direct": 0.25}')"""
            )

    def write(self, records, *, watermarks, repeats) -> datetime | None:
        """Empty the book, then write all batches, the chosen ones twice; the last watermark."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(_EMPTY)
        query_id = str(uuid.uuid4())
        for number, taken in enumerate(taken_by_batch(records)):
            entry = Entry(query_id, number, {("orders", 0): number}, watermarks[number])
            first = self.keeper.write(entry, taken)
            if number in repeats:
                assert self.keeper.write(entry, taken) == first
        return watermarks[number]

    def tables(self):
        with self._connection, self._connection.cursor() as cursor:
            return {table: stored_rows(cursor, table) for table in BOOK}

    def close(self):
        self.keeper.close()
        self._connection.close()


@pytest.fixture
def book(prepared):
    with closing(Book(prepared)) as found:
        yield found


def watermarks_of(records: list[Record], late_seconds: int) -> list[datetime | None]:
    """By batch: so much before the newest moment of the batches before it."""
    found: list[datetime | None] = []
    for number in range(records[-1].batch + 1):
        times = [
            row["occurred_at"]
            for one in records
            if one.batch < number and one.table in ("silver.events", "silver.orders")
            for row in one.rows
        ]
        found.append(moment(max(times) - late_seconds * MICROS) if times else None)
    return found


def assert_is_oracle(tables, records, watermark) -> None:
    oracle = AttributionOracle(look_back_seconds=LOOK_BACK_SECONDS, fits=[FIT])
    for one in records:
        for row in one.rows:
            oracle.take(one.table, row, batch=one.batch)
    last = None if watermark is None else round(watermark.timestamp() * MICROS)
    expected = oracle.tables(watermark=last)
    for table in BOOK:
        found = differences(expected[table], tables[table])
        assert (found["missing"], found["extra"]) == (0, 0), (table, expected[table], tables[table])
        assert len(tables[table]) == len(expected[table])


def test_the_book_is_the_oracles(book):
    @settings(suppress_health_check=list(HealthCheck))
    @given(records=shops(), late_seconds=st.sampled_from([0, 60, 300]), repeats=st.sets(st.integers(0, 5)))
    def check(records, late_seconds, repeats):
        watermarks = watermarks_of(records, late_seconds)
        last = book.write(records, watermarks=watermarks, repeats=repeats)
        assert_is_oracle(book.tables(), records, last)

    check()
