"""`clicklake trace order`: from an order's figure down to its bytes, with Postgres and without."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from jobs.cli.main import cli
from jobs.cli.order_trace import shown
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.postgres import connect, migrate
from pipelines.errors import LakeError, SettingsError
from pipelines.runtime.tracing import trace_order

_OF_ORDER = """
insert into gold.orders values
(%(id)s, %(visitor)s, null, %(at)s, %(at)s, 'paid', true, 'card', 'EUR', 1000, 0, 1000, 100, true, null, null,
    null, '[]', 1, 1, 600, true, %(at)s);
insert into gold.attributed_orders values
(%(id)s, 600, 'first', 'google', 1000000, 1000, 100, 'EUR', %(at)s, true, null);
insert into gold.touchpoints values
(%(id)s, %(visitor)s, %(event)s, %(topic)s, %(partition)s, %(offset)s, %(at)s, 'google', 'cpc', null);
"""


@pytest.fixture(scope="module")
def reader(tiny_lake):
    return LakeReader(tiny_lake.names)


@pytest.fixture(scope="module")
def order(reader):
    """An order with a touch before it, of which a message came twice."""
    rows = reader.rows(
        "select o.order_id, o.visitor_id, min(o.occurred_at) as at from silver.orders o "
        "semi join silver.duplicates d on o.event_id = d.event_id group by all order by 1 limit 1"
    )
    return rows[0]


@pytest.fixture
def clicklake(tiny_lake):
    def call(*arguments: str):
        options = [text for setting in tiny_lake.settings() for text in ("--set", setting)]
        return CliRunner().invoke(cli, [*options, *arguments], catch_exceptions=False)

    return call


def test_an_order_is_followed_to_its_bytes_without_postgres(clicklake, order, tiny_lake):
    found = json.loads(clicklake("trace", "order", order["order_id"], "--json").stdout)
    assert found["postgres"] is None
    assert "postgres is not running" in found["postgres_away"].lower()
    values = {(r["topic"], r["partition"], r["offset"]): r["value"] for r in tiny_lake.records}
    assert found["messages"]
    for row in (*found["messages"], *found["touches"], *found["duplicates"]):
        place = row["topic"], row["partition"], row["offset"]
        assert row["record"]["value"] == shown(values[place])
    assert {row["order_id"] for row in found["messages"]} == {order["order_id"]}
    assert found["standing"]["order_id"] == order["order_id"]


def test_every_message_and_every_copy_of_the_order_is_there(reader, clicklake, order):
    found = json.loads(clicklake("trace", "order", order["order_id"], "--json").stdout)
    offsets = 'select distinct topic, partition, "offset" from silver.orders where order_id = ?'
    assert len(found["messages"]) == len(reader.rows(offsets, [order["order_id"]]))
    copies = reader.rows(
        'select distinct d.topic, d.partition, d."offset" from silver.duplicates d semi join '
        "(from silver.orders where order_id = ?) o using (event_id, visitor_id)",
        [order["order_id"]],
    )
    places = {(row["topic"], row["partition"], row["offset"]) for row in found["duplicates"]}
    assert copies
    assert {tuple(row.values()) for row in copies} <= places


def test_copies_of_a_visitor_s_other_records_are_not_there(reader, clicklake):
    orders = reader.rows(
        "select distinct order_id from silver.orders join silver.duplicates using (visitor_id)"
    )
    assert len(orders) > 1
    for order in orders:
        found = json.loads(clicklake("trace", "order", order["order_id"], "--json").stdout)
        ids = {row["event_id"] for row in (*found["messages"], *found["touches"])}
        assert {row["event_id"] for row in found["duplicates"]} <= ids


def test_touches_are_those_of_the_visitor_in_the_look_back(reader, clicklake):
    (order,) = reader.rows(
        "select o.order_id, min(o.occurred_at) as at, any_value(o.visitor_id) as visitor "
        "from silver.orders o semi join (from silver.events where traffic_source is not null) e "
        "using (visitor_id) "
        "where status = 'placed' group by 1 order by 1 limit 1"
    )
    found = json.loads(clicklake("trace", "order", order["order_id"], "--json").stdout)
    wanted = reader.rows(
        "select event_id from silver.events where visitor_id = ? and traffic_source is not null "
        "and occurred_at between ? and ?",
        [order["visitor"], order["at"] - timedelta(minutes=10), order["at"]],
    )
    assert wanted
    assert sorted(row["event_id"] for row in found["touches"]) == sorted(row["event_id"] for row in wanted)


def test_a_dead_letter_that_names_the_order_is_shown(clicklake, reader):
    letter, name = _order_in_a_letter(reader)
    found = json.loads(clicklake("trace", "order", name, "--json").stdout)
    assert letter["reason"] in {row["reason"] for row in found["dead_letters"]}
    assert shown(letter["value"]) in {row["value"] for row in found["dead_letters"]}


def test_people_read_the_same(clicklake, order):
    text = clicklake("trace", "order", order["order_id"]).stdout
    assert text.startswith(f"Order {order['order_id']}\n")
    for part in (
        "Without Postgres: ",
        "silver.orders_current: status",
        "Messages, silver.orders",
        "bronze, ",
    ):
        assert part in text


def test_an_unknown_order_is_an_error_of_the_argument(clicklake):
    with pytest.raises(
        SettingsError, match=r"there is no order `nobody` in the lake .Postgres is away.; some"
    ):
        clicklake("trace", "order", "nobody")


def test_an_empty_lake_says_that_it_is_empty(tmp_path):
    with pytest.raises(LakeError, match="no tables yet"):
        CliRunner().invoke(
            cli, ["--set", f"var_dir={tmp_path}", "trace", "order", "o"], catch_exceptions=False
        )


def test_bytes_that_are_no_text_are_shown_as_digits():
    assert (shown(b"a"), shown(b"\xff\x00"), shown(b"a\x1b[2J"), shown(None)) == (
        "a", "hex:ff00", "hex:611b5b324a", "null",
    )  # fmt: skip


@pytest.mark.services
def test_the_credit_in_postgres_leads_to_the_touch_it_was_given_to(reader, tiny_lake, database, order):
    (click,) = reader.rows(
        'select visitor_id, event_id, topic, partition, "offset" from silver.events order by 2 limit 1'
    )
    given = click | {"id": order["order_id"], "visitor": click["visitor_id"], "at": order["at"]}
    with connect(database) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute(_OF_ORDER, given | {"event": click["event_id"]})
    found = trace_order(order["order_id"], tiny_lake.names, postgres=lambda: database)
    assert [(row["model"], row["revenue_minor"]) for row in found.credit["credits"]] == [("first", 1000)]
    assert [row["event_id"] for row in found.touches] == [click["event_id"]]
    assert found.no_credit is None


def test_an_empty_id_and_a_part_of_one_are_no_order(clicklake, reader):
    with pytest.raises(SettingsError, match="the order's id is empty"):
        clicklake("trace", "order", " ")
    with pytest.raises(SettingsError, match="there is no order"):
        clicklake("trace", "order", _order_in_a_letter(reader)[1][:-1])


def _order_in_a_letter(reader):
    """A dead letter of JSON, and the id of the order that it names."""
    letter = next(
        row
        for row in reader.rows("select value, reason from silver.dead_letters where topic = 'orders'")
        if b'"order_id"' in row["value"] and row["value"].startswith(b"{")
    )
    return letter, letter["value"].split(b'"order_id":')[1].split(b'"')[1].decode()
