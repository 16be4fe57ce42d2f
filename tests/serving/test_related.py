"""Naming products: from Postgres once, then from memory; what sells at all where nobody knows better."""

import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from serving.related import RelatedProducts
from tests.relay import relay_to

pytestmark = pytest.mark.services
LISTS = [
    ("alternatives", "tea", ["mate", "coffee"]),
    ("alternatives", "o'\\brien é", ["pub"]),
    ("alternatives", "", ["bread", "milk"]),
    ("complements", "tea", ["mug"]),
    ("complements", "", ["milk"]),
]


@pytest.fixture
def lists(database: PostgresAddress):
    """A database with a few lists; replaces them by others when called."""
    with connect(database) as connection:
        migrate(connection)

    def put(rows=LISTS):
        with connect(database) as connection, connection, connection.cursor() as cursor:
            cursor.execute("delete from gold.related_products")
            scored = [(*row, [0.5] * len(row[2])) for row in rows]
            cursor.executemany("insert into gold.related_products values (%s, %s, %s, %s)", scored)

    put()
    return put


@contextmanager
def reading(address, **changes):
    found = RelatedProducts(address, **{"seconds": 2.0} | changes)
    found.start(wait_seconds=5)
    try:
        yield found
    finally:
        found.close()


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def test_a_product_has_its_own_lists_and_any_other_what_sells(database, lists):
    with reading(database) as products:
        assert products.related("tea", "alternatives") == ["mate", "coffee"]
        assert products.related("tea", "complements") == ["mug"]
        assert products.related("o'\\brien é", "alternatives") == ["pub"]
        for odd in ("unseen", "a\0b", "\ud800", "%s", "'", None):
            assert products.related(odd, "alternatives") == ["bread", "milk"]
        assert products.related("bread", "alternatives") == ["milk"]
        assert products.related("tea", "alternatives") == ["mate", "coffee"]


def test_what_was_read_is_kept_for_its_age_and_no_longer(database, lists):
    with reading(database, age_seconds=0.5) as products:
        assert products.related("tea", "complements") == ["mug"]
        lists([("complements", "tea", ["cake"]), ("complements", "", ["salt"])])
        assert products.related("tea", "complements") == ["mug"]
        time.sleep(0.6)
        assert products.related("tea", "complements") == ["cake"]
        until(lambda: products.related("unseen", "complements") == ["salt"])


def test_only_so_many_are_kept_what_was_asked_last_stays(database, lists):
    with reading(database, size=2) as products:
        for asked in ("tea", "o'\\brien é", "tea", "unseen"):
            products.related(asked, "alternatives")
        lists([])
        assert products.related("tea", "alternatives") == ["mate", "coffee"]
        assert products.related("o'\\brien é", "alternatives") == ["bread", "milk"]


def test_while_postgres_is_away_the_last_lists_are_named_and_it_is_asked_again_once_it_is_back(
    database, lists
):
    with relay_to(database.host, database.port) as relay:
        relay.open()
        address = replace(database, port=relay.port)
        with reading(address, age_seconds=0.0, seconds=0.2) as products:
            assert products.related("tea", "complements") == ["mug"]
            relay.cut()
            for _ in range(3):
                assert products.related("tea", "complements") == ["mug"]
                assert products.related("never asked", "complements") == ["milk"]
            assert not products.is_ready
            relay.open()
            until(lambda: products.is_ready)
            lists([("complements", "tea", ["cake"])])
            until(lambda: products.related("tea", "complements") == ["cake"])


def test_before_anything_was_read_nothing_is_named(database):
    with reading(database) as products:  # no table yet
        assert products.related("tea", "alternatives") == []
        assert products.related(None, "complements") == []
