"""Views of the lake at the command line: there when their tables are, and as the tables say."""

from deltalake import write_deltalake

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.contracts.views import all_views
from tests.silver.lake_rows import arrow_rows, order_rows, second


def lake(tmp_path, **tables):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    for plural, rows in tables.items():
        write_deltalake(names.table(f"silver.{plural}"), rows)
    return LakeReader(names)


def test_a_view_is_there_when_all_that_it_reads_is(tmp_path):
    orders = [
        {"order_id": "o", "event_id": "1", "status": "paid", "total_minor": 90, "occurred_at": second(1)},
        {"order_id": "o", "event_id": "2", "status": "refunded", "total_minor": 9, "occurred_at": second(2)},
    ]
    reader = lake(tmp_path, orders=arrow_rows("silver.orders", order_rows(orders)))
    expected = ["silver.order_lines_current", "silver.order_versions", "silver.orders_current"]
    assert sorted(reader.views) == expected
    assert reader.tables == ["silver.orders"]
    assert reader.rows("select order_id, net_minor from silver.orders_current") == [
        {"order_id": "o", "net_minor": 81}
    ]


def test_a_table_of_an_earlier_version_costs_its_view_only(tmp_path):
    users = arrow_rows("silver.users", [{"user_id": "u"}])
    reader = lake(tmp_path, users=users.drop_columns(["valid_from"]), offers=arrow_rows("silver.offers", []))
    assert reader.views == ["silver.offers_periods"]
    assert reader.rows("select user_id from silver.users") == [{"user_id": "u"}]


def test_all_views_are_there_when_all_tables_are(tiny_lake):
    reader = LakeReader(tiny_lake.names)
    assert set(reader.views) == set(all_views())
    (found,) = reader.rows("""
        select count(*) as orders, count(*) filter (where net_minor > 0) as earning,
            (select count(distinct order_id) from silver.orders) as sent
        from silver.orders_current
    """)
    assert found["orders"] == found["sent"] > found["earning"] > 0
