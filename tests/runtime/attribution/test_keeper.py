"""One writer of the book, each batch once: everything else is refused and leaves no trace."""

import random
from contextlib import closing

import pytest

from pipelines.connectors.ledger import Entry, newest_entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS
from pipelines.connectors.postgres import open_connection
from pipelines.contracts.clock import moment
from pipelines.contracts.fields import MAX_ID_CHARACTERS, MAX_TEXT_CHARACTERS
from pipelines.errors import LakeError, ServiceError
from pipelines.gold.attribution.shares import Shares
from pipelines.gold.attribution.touches import LONGEST_NAME, MICROS
from pipelines.runtime.attribution.book import Taken, replace_shares, settle_orders
from pipelines.runtime.attribution.keeper import BookKeeper
from pipelines.runtime.attribution.minutes import PER_MINUTE, recount
from pipelines.runtime.attribution.stored import BOOK, stored_rows
from pipelines.runtime.streams import ledgered
from tests.runtime.attribution.shops import LOOK_BACK_SECONDS, START

pytestmark = pytest.mark.services
MONTH = 30 * 86_400


def entry(batch, query_id="q1", watermark=None):
    return Entry(query_id, batch, {("orders", 0): batch + 1}, watermark)


def message(order, status="paid", *, offset=0, **changes):
    where = {"topic": "orders", "partition": 0, "offset": offset, "ingested_at": START + offset}
    said = dict.fromkeys(("user_id", "failure_reason", "payment_method", "shipping_minor", "discount_bp"))
    line = {"line_number": 1, "product_id": "p", "quantity": 1, "unit_price_minor": 1000, "category": None}
    return {
        **(said | where),
        "order_id": order,
        "visitor_id": "v1",
        "event_id": f"m{offset}",
        "occurred_at": START,
        "status": status,
        "currency": "EUR",
        "total_minor": None,
        "lines": [line],
        **changes,
    }


def pair(order, source="google", *, offset=0, ago=10):
    where = {"topic": "clicks", "partition": 0, "offset": offset, "ingested_at": START + offset}
    said = {"order_id": order, "visitor_id": "v1", "event_id": f"e{offset}", "medium": None, "campaign": None}
    return {**where, **said, "source": source, "occurred_at": START - ago * MICROS}


PAID = Taken(messages=[message("o1")], pairs=[pair("o1")])


@pytest.fixture
def connection(prepared):
    with closing(open_connection(prepared, application="test")) as found:
        yield found


@pytest.fixture
def tables(connection):
    def read():
        with connection, connection.cursor() as cursor:
            return {table: stored_rows(cursor, table) for table in BOOK}

    return read


@pytest.fixture
def begin(prepared):
    """Makes the keepers of drivers."""
    begun = []

    def begin():
        begun.append(BookKeeper(prepared, query=ATTRIBUTE_ORDERS, look_back_seconds=LOOK_BACK_SECONDS))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def newest(connection):
    with connection, connection.cursor() as cursor:
        return newest_entry(cursor, ATTRIBUTE_ORDERS)


def test_a_driver_that_was_thought_dead_is_refused_and_changes_nothing(begin, tables, connection):
    old = begin()
    old.write(entry(0), PAID)
    begin().write(entry(1), Taken(messages=[message("o2", offset=2)]))
    before = tables()
    for batch in (1, 2):
        with pytest.raises(LakeError, match=r"another driver .* writes for attribute_orders now"):
            old.write(entry(batch), Taken(messages=[message("o3", offset=3)]))
    assert tables() == before
    assert newest(connection) == entry(1)


def test_a_new_driver_repeats_the_last_batch_without_a_trace_and_is_told_the_same(begin, tables):
    written = begin().write(entry(0), PAID)
    before = tables()
    assert begin().write(entry(0), PAID) == written
    assert tables() == before
    assert [one.order_id for one in written.messages] == ["o1"]
    assert [one.event_id for one in written.touches] == ["e0"]
    assert written.credits["o1"]["first"] == {"google": MICROS}


def test_a_touch_is_told_by_the_batch_that_took_it_first(begin):
    """It comes again with each message of the order, and with each other order."""
    one = begin()
    assert [t.order_id for t in one.write(entry(0), PAID).touches] == ["o1"]
    again = Taken(messages=[message("o1", offset=1), message("o2", offset=2)], pairs=[pair("o1"), pair("o2")])
    assert [t.order_id for t in one.write(entry(1), again).touches] == ["o2"]
    assert [t.order_id for t in begin().write(entry(1), again).touches] == ["o2"]


def settle(connection, taken):
    covered = {("orders", 0): 100, ("clicks", 0): 100}
    with connection, connection.cursor() as cursor:
        settle_orders(cursor, taken, look_back_seconds=LOOK_BACK_SECONDS, watermark=None, covered=covered)


def test_a_settlement_between_a_batch_and_its_repetition_takes_nothing_from_what_is_told(begin, connection):
    """The lake has not heard of the batch when its driver dies after Postgres."""
    written = begin().write(entry(0), PAID)
    settle(connection, Taken(messages=PAID.messages, pairs=[*PAID.pairs, pair("o1", offset=1, ago=5)]))
    again = begin().write(entry(0), PAID)
    assert (again.messages, again.touches) == (written.messages, written.touches)
    later = Taken(messages=[message("o1", offset=1)], pairs=[*PAID.pairs])
    assert begin().write(entry(1), later).touches == []


def test_a_touch_that_a_settlement_was_the_first_to_see_is_told_by_the_batch_that_takes_it(begin, connection):
    """Silver may be ahead of attribution."""
    settle(connection, PAID)
    assert [t.event_id for t in begin().write(entry(0), PAID).touches] == ["e0"]
    assert [t.event_id for t in begin().write(entry(0), PAID).touches] == ["e0"]
    assert begin().write(entry(1), PAID).touches == []


@pytest.mark.parametrize(("query_id", "batch"), [("q1", 2), ("another", 1)])
def test_a_gap_is_refused_with_the_way_out(begin, tables, query_id, batch):
    one = begin()
    one.write(entry(0), PAID)
    before = tables()
    with pytest.raises(
        LakeError, match=r"holds batches of attribute_orders up to .* settle_attribution --restore"
    ):
        one.write(entry(batch, query_id), Taken(messages=[message("o2", offset=2)]))
    assert tables() == before


def test_a_connection_that_is_cut_in_a_transaction_leaves_nothing_and_the_next_try_works(
    begin, tables, connection, monkeypatch
):
    one = begin()
    one.write(entry(0), Taken())
    write_entry = ledgered.write_entry

    def cut(cursor, *given):
        write_entry(cursor, *given)
        with connection, connection.cursor() as other:
            other.execute("select pg_terminate_backend(%s)", (cursor.connection.get_backend_pid(),))

    with monkeypatch.context() as patch:
        patch.setattr(ledgered, "write_entry", cut)
        with pytest.raises(ServiceError, match=r"Postgres at .* broke off"):
            one.write(entry(1), PAID)
    assert tables()["checkouts"] == []
    assert newest(connection) == entry(0)
    one.write(entry(1), PAID)
    assert len(tables()["checkouts"]) == 1


def test_what_was_removed_takes_no_correction_and_the_refusal_is_counted(begin, tables, connection):
    one = begin()
    one.write(entry(0), Taken(messages=[message("o1"), message("o2", "payment_failed", offset=1)]))
    with connection, connection.cursor() as cursor:
        for table in PER_MINUTE:
            cursor.execute(f"delete from gold.{table}")
            kept_since = moment(START + 60 * MICROS)
            cursor.execute("insert into gold.retention values (%s, %s)", (table, kept_since))
    late = [message("o3", offset=2), message("o4", "payment_failed", offset=3)]
    kept = message("o5", offset=4, occurred_at=START + 60 * MICROS)
    one.write(entry(1), Taken(messages=[*late, kept]))
    found = tables()
    assert {
        table: {row["minute"] for row in found[table]} for table in PER_MINUTE if table != "fail_count"
    } == {table: {START + 60 * MICROS} for table in PER_MINUTE if table != "fail_count"}
    assert found["fail_count"] == []
    assert {row["order_id"] for row in found["orders"]} == {"o1", "o2", "o3", "o4", "o5"}
    with connection, connection.cursor() as cursor:
        cursor.execute("select table_name, minute, refusals from gold.refused_corrections")
        assert set(cursor) == {(table, moment(START), 1) for table in PER_MINUTE}


def test_a_refund_takes_back_what_other_look_backs_credited(begin, tables, connection):
    one = begin()
    one.write(entry(0), PAID)
    half = {"google": 500_000, "letter": 500_000}
    with connection, connection.cursor() as cursor:
        minutes = replace_shares(cursor, {"o1": [Shares("linear", None, half)]}, look_back_seconds=MONTH)
        recount(cursor, orders=minutes, failures=())
    refund = message("o1", "refunded", offset=5, occurred_at=START + 1, total_minor=400)
    one.write(entry(1), Taken(messages=[refund]))
    month = {"look_back_seconds": MONTH, "model": "linear"}
    found = [row for row in tables()["attributed_orders"] if month.items() <= row.items()]
    assert {row["source"]: row["revenue_minor"] for row in found} == {"google": 300, "letter": 300}
    assert all(row["is_final"] for row in found)
    counted = [row for row in tables()["source_count"] if month.items() <= row.items()]
    assert {row["source"]: row["revenue_minor"] for row in counted} == {"google": 300, "letter": 300}


def test_no_order_is_too_odd_to_be_stored(begin, tables):
    """What the contract lets through, tables and their indexes must take."""
    drawn = random.Random(3)
    text = "".join(map(chr, drawn.choices(range(0x4E00, 0x9FFF), k=MAX_TEXT_CHARACTERS)))
    name = "".join(map(chr, drawn.choices(range(0x20000, 0x2A6DF), k=MAX_ID_CHARACTERS)))
    line = {"line_number": 1, "product_id": name, "quantity": 10**6, "unit_price_minor": 10**15}
    ids = {"visitor_id": name, "event_id": name}
    odd = message(name, **ids, user_id=name, lines=[{**line, "category": text}])
    failed = message("o2", "payment_failed", offset=1, failure_reason=text)
    touch = {**pair(name), **ids, "medium": text, "source": text[:LONGEST_NAME]}
    where = {"valid_from": START, "topic": "x" * 249, "partition": 0, "offset": 0, "is_deleted": False}
    user = {**where, "user_id": name, "level": None, "gender": None, "country": None}
    product = {**where, "product_id": name, "category": text, "price_minor": 1, "currency": "EUR"}
    brought = {"users": [user], "products": [{**product, "commission_bp": None}]}
    begin().write(entry(0), Taken(messages=[odd, failed], pairs=[touch], **brought))
    found = tables()
    assert [row["net_minor"] for row in found["orders"] if row["order_id"] == name] == [None]
    assert [row["visitor_id"] for row in found["touchpoints"]] == [name]
