"""Reading a lake without Spark: every table, one consistent look, sentences on mistakes."""

import json

import pytest
from deltalake import write_deltalake

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.lake import POSITIONS, all_tables, bronze_table
from pipelines.errors import LakeError, SettingsError
from tests.tiny_lake import TinyLake, arrow_schema


@pytest.fixture(scope="module")
def reader(tiny_lake):
    return LakeReader(tiny_lake.names)


def test_every_declared_table_is_there_with_its_columns_and_types(reader):
    assert reader.tables == sorted(all_tables())
    for spec in all_tables().values():
        schema = reader.query(f"from {spec.name}").arrow().schema
        assert schema.names == spec.column_names
        assert [schema.field(c.name).type for c in spec.columns] == [arrow_type(c.type) for c in spec.columns]


def test_every_record_is_in_bronze_byte_for_byte(reader, tiny_lake):
    rows = reader.rows('select topic, partition, "offset", key, value from bronze.clicks')
    landed = {(r["topic"], r["partition"], r["offset"]): (r["key"], r["value"]) for r in rows}
    assert len(landed) == len(rows)
    sent = [r for r in tiny_lake.records if r["topic"] == "clicks"]
    assert landed == {(r["topic"], r["partition"], r["offset"]): (r["key"], r["value"]) for r in sent}


def test_a_silver_row_leads_to_the_bytes_it_was_made_from(reader):
    rows = reader.rows(
        "select e.event_id, b.value from silver.events e "
        "join bronze.clicks b using (topic, partition, \"offset\") where b.value[:2] != '\\xC3\\x01'::blob"
    )
    assert len(rows) > 100
    assert all(json.loads(row["value"])["event_id"] == row["event_id"] for row in rows)


def test_every_record_has_one_fate(reader, tiny_lake):
    (found,) = reader.rows("""
        with fates as (
            select distinct topic, partition, "offset", 'silver' as fate from silver.events
            union all select distinct topic, partition, "offset", 'silver' from silver.orders
            union all select topic, partition, "offset", 'silver' from silver.users
            union all select topic, partition, "offset", 'silver' from silver.products
            union all select topic, partition, "offset", 'silver' from silver.offers
            union all select topic, partition, "offset", 'dead' from silver.dead_letters
        )
        select count(*) as fates, count(distinct (topic, partition, "offset")) as positions from fates
    """)
    assert found == {"fates": len(tiny_lake.records), "positions": len(tiny_lake.records)}


def test_dead_letters_have_the_reasons_that_the_shop_says(reader, tiny_lake):
    rows = reader.rows("select reason, count(*) as n from silver.dead_letters group by 1")
    told: dict[str, int] = {}
    for delivery in tiny_lake.deliveries:
        if delivery.reason:
            told[delivery.reason] = told.get(delivery.reason, 0) + 1
    assert {row["reason"]: row["n"] for row in rows} == told


def test_one_look_does_not_change_when_the_table_does(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    content = arrow_schema(POSITIONS).empty_table()
    write_deltalake(names.table(POSITIONS.name), content)
    before = LakeReader(names)
    row = dict.fromkeys(POSITIONS.column_names, 1) | {"query": "q", "topic": "t"}
    more = type(content).from_pylist([row], schema=content.schema)
    write_deltalake(names.table(POSITIONS.name), more, mode="append")
    count = "select count(*) as n from ops.positions"
    assert (before.rows(count), LakeReader(names).rows(count)) == ([{"n": 0}], [{"n": 1}])


def test_the_table_of_a_bound_topic_is_found(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    spec = bronze_table("shop_clicks")
    write_deltalake(names.table(spec.name), arrow_schema(spec).empty_table())
    assert LakeReader(names).tables == ["bronze.shop_clicks"]


def test_parameters_are_values_and_never_sql(reader):
    rows = reader.rows("select count(*) as n from silver.events where visitor_id = ?", ["' or true --"])
    assert rows == [{"n": 0}]


def test_an_empty_lake_says_what_to_do(tmp_path):
    with pytest.raises(LakeError, match="no tables yet: run `clicklake demo`"):
        LakeReader(Names.of(var_dir=str(tmp_path), lake=None)).query("select 1")


def test_a_wrong_table_is_told_which_there_are(reader):
    with pytest.raises(SettingsError, match=r"(?s)event.*Tables: .*silver\.events"):
        reader.query("from silver.event")


def test_the_lake_is_the_same_whenever_it_is_made(tiny_lake, tmp_path):
    assert TinyLake(tmp_path).records == tiny_lake.records
