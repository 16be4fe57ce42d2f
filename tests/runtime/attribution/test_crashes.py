"""The query that credits orders, crashed at every step: run again, nothing is missing and nothing twice."""

import pytest

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect, migrate
from pipelines.runtime.streams.driver import ensure_lake
from tests.conftest import empty_database
from tests.runtime.attribution.crash_book import CrashBook
from tests.runtime.crash_runs import bound_topic

pytestmark = [pytest.mark.spark, pytest.mark.services]

STEPS = (
    *("before_batch", "before_book", "after_book"),
    *(
        f"{side}_append:gold.{table}"
        for table in ("checkouts", "touchpoints")
        for side in ("before", "after")
    ),
    *("before_topic", "after_topic", "after_batch"),
)


@pytest.fixture(scope="module")
def book(spark, stack, stack_names, tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    names = Names.of(var_dir=str(folder), lake=str(folder / "lake"))
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    ensure_lake(spark, names)
    with empty_database(stack, stack_names) as address:
        with connect(address) as connection:
            migrate(connection)
        yield CrashBook(spark, names, stack, address, bound_topic(stack.kafka))
    spark.conf.set("spark.sql.shuffle.partitions", before)


def test_a_batch_that_dies_at_every_step_leaves_no_trace(book):
    """Each start repeats the batch and dies one step further on; then once more, over what is there."""
    book.feed()
    book.run()
    assert book.assert_sound() >= 2
    book.feed()
    for step in STEPS:
        book.crash(step)
    book.run()
    assert book.assert_sound() >= 4


def test_a_batch_that_was_written_but_not_noted_is_not_written_twice(book):
    book.feed()
    book.run()
    book.forget_last_batch()
    book.run()
    book.feed()
    book.run()
    assert book.assert_sound() >= 8


def test_what_retention_has_removed_is_not_missed_and_what_is_wrong_is_told(book):
    """The last one: it leaves the book changed."""
    book.change("delete from gold.gender_count")
    found = book.compared()
    assert not found.holds
    assert found.tables["gender_count"]["missing"] == found.tables["gender_count"]["rows"] > 0
    book.change("insert into gold.retention values ('gender_count', now() + interval '1 day')")
    assert book.compared().holds
    book.change("update gold.orders set net_minor = net_minor + 1")
    book.change("insert into gold.fail_count values (now(), 'nobody', 1)")
    data = book.compared().as_data()
    wrong = {name: (one["missing"] > 0, one["extra"] > 0) for name, one in data["tables"].items()}
    assert {name for name, sides in wrong.items() if any(sides)} == {"orders", "fail_count"}
    assert (wrong["orders"], wrong["fail_count"]) == ((True, True), (False, True))
    assert data["holds"] is False
