"""What the roles of the database may do, tried on a real server."""

from dataclasses import replace

import pytest
import structlog
from psycopg2 import sql
from psycopg2.errors import (
    InsufficientPrivilege,
    ObjectNotInPrerequisiteState,
    QueryCanceled,
    ReadOnlySqlTransaction,
)

from pipelines.connectors.postgres import connect, packaged_migrations
from pipelines.connectors.roles import address_of, prepare_database, role_name
from pipelines.errors import ServiceError

pytestmark = pytest.mark.services
RELATIONS = "select table_schema, table_name from information_schema.tables where table_schema = any(%s)"
WRITES = [
    "insert into dashboard.fail_count values (now(), 'x', 1)",
    "update dashboard.fail_count set failures = 0",
    "delete from dashboard.fail_count",
    "delete from gold.orders",
    "truncate gold.orders",
    "create table dashboard.mine (a integer)",
    "create table public.mine (a integer)",
    "create temporary table mine (a integer)",
    "create view dashboard.mine as select 1",
    "create schema mine",
    "create or replace view dashboard.orders as select 1",
    "drop view dashboard.orders",
    "alter view dashboard.orders reset (security_barrier)",
    "set role clicklake_writer",
    "set session authorization clicklake",
    "create role mine",
    "alter role clicklake_writer password 'x'",
    "grant select on gold.orders to clicklake_dashboard",
    "copy (select 1) to program 'true'",
]


def asked(address, statement, values=None, *, first=""):
    with connect(address) as connection, connection, connection.cursor() as cursor:
        if first:
            cursor.execute(first)
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def relations(owner, *schemas):
    return sorted(asked(owner, RELATIONS, (list(schemas),)))


def rows_of(address, schema, name):
    return asked(address, sql.SQL("select * from {}").format(sql.Identifier(schema, name)))


def test_the_dashboard_role_reads_every_view_and_each_is_a_barrier_that_says_its_grain(shop, role):
    views = relations(shop, "dashboard")
    assert len(views) >= 13
    for view in views:
        rows_of(role("dashboard"), *view)
    facts = """select relname, relkind, reloptions, obj_description(oid) from pg_class
        where relnamespace = 'dashboard'::regnamespace"""
    for name, kind, options, comment in asked(shop, facts):
        assert (kind, options) == ("v", ["security_barrier=true"]), name
        assert (comment or "").startswith("One row per "), name


def test_the_dashboard_role_reads_no_table(shop, role):
    asked(shop, "create table public.customers (name text)")
    tables = relations(shop, "gold", "features", "ops", "public")
    assert len(tables) > 20
    for table in tables:
        with pytest.raises(InsufficientPrivilege):
            rows_of(role("dashboard"), *table)


def test_the_dashboard_role_changes_nothing_even_if_it_leaves_its_read_only_mode(shop, role):
    for statement in WRITES:
        with pytest.raises((InsufficientPrivilege, ObjectNotInPrerequisiteState)):
            asked(role("dashboard"), statement, first="set transaction read write; ")
    assert asked(shop, "select count(*) from gold.orders") == [(8,)]


def test_the_dashboard_role_is_read_only_and_its_statements_end(role):
    assert asked(role("dashboard"), "show default_transaction_read_only") == [("on",)]
    assert asked(role("dashboard"), "show statement_timeout") == [("10s",)]
    with pytest.raises(ReadOnlySqlTransaction):
        asked(role("dashboard"), "select lo_create(0)")
    with pytest.raises(QueryCanceled):
        asked(role("dashboard"), "select pg_sleep(5)", first="set local statement_timeout = 50; ")


def test_the_writer_fills_tables_and_does_not_make_or_look_like_the_owner(shop, role):
    writer = role("writer")
    asked(writer, "update gold.fail_count set failures = failures + 1")
    asked(writer, "create temporary table staged (a integer)")
    asked(writer, "delete from ops.ledger")
    for statement in ("create table gold.mine (a integer)", "drop table gold.orders", "truncate gold.orders"):
        with pytest.raises(InsufficientPrivilege):
            asked(writer, statement)
    with pytest.raises(InsufficientPrivilege):
        asked(writer, "delete from ops.migrations")


def test_the_scorer_reads_gold_and_features_and_no_more(shop, role):
    scorer = role("scorer")
    assert asked(scorer, "select count(*) from gold.orders") == [(8,)]
    assert asked(scorer, "select count(*) from features.twin_v1") == [(3,)]
    for statement in ("delete from gold.orders", "select * from ops.ledger", "create temporary table t ()"):
        with pytest.raises(InsufficientPrivilege):
            asked(scorer, statement)


def test_doing_it_twice_changes_nothing_and_a_new_password_counts(shop, role, passwords):
    with connect(shop) as connection:
        assert prepare_database(connection, passwords=passwords) == []
        assert prepare_database(connection) == []
    assert asked(role("dashboard"), "select count(*) from dashboard.orders") == [(8,)]
    with connect(shop) as connection:
        prepare_database(connection, passwords={"scorer": "another"})
    with pytest.raises(ServiceError, match="password authentication failed"):
        asked(role("scorer"), "select 1")
    assert asked(address_of(shop, role="scorer", password="another"), "select 1") == [(1,)]


def test_what_later_migrations_make_is_readable_as_before(shop, role):
    asked(shop, "create view dashboard.later as select 7; create table gold.later (a integer)")
    asked(shop, "create table features.later (a integer)")
    assert rows_of(role("dashboard"), "dashboard", "later") == [(7,)]
    for schema in ("gold", "features"):
        assert rows_of(role("scorer"), schema, "later") == []
    with pytest.raises(InsufficientPrivilege):
        rows_of(role("dashboard"), "gold", "later")


def test_an_owner_who_may_make_no_roles_is_told_in_one_line_and_has_its_tables(shop, passwords):
    asked(shop, "create role plain login password 'plain'; grant plain to current_user")
    try:
        asked(shop, f"grant create on database {shop.database} to plain")
        asked(shop, "drop schema features, gold, dashboard, models, decisions, ops cascade")
        plain = replace(shop, user="plain", password="plain")
        with structlog.testing.capture_logs() as logs, connect(plain) as connection:
            assert prepare_database(connection, passwords=passwords)[0] == packaged_migrations()[0].name
        assert [line["event"] for line in logs] == ["roles_not_made"]
        assert role_name("dashboard") in logs[0]["roles"]
    finally:
        asked(shop, "drop owned by plain cascade; drop role plain")
