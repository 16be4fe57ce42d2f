"""Reading a lake without Spark: every table, one consistent look, sentences on mistakes."""

import json

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from pipelines.connectors.lake_reader import LakeReader, covered
from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema, arrow_type
from pipelines.contracts.lake import BRONZE, all_tables
from pipelines.contracts.positions import Coverage
from pipelines.contracts.topics import all_topics
from pipelines.errors import LakeError, SettingsError
from tests.records import NOON, bronze_row
from tests.tiny_lake import TinyLake

ZERO = {
    "string": "",
    "int32": 0,
    "int64": 0,
    "bool": False,
    "timestamp[us, tz=UTC]": NOON,
    "date32[day]": NOON.date(),
}


@pytest.fixture(scope="module")
def reader(tiny_lake):
    return LakeReader(tiny_lake.names)


def test_every_declared_table_is_there_with_its_columns_and_types(reader):
    views = {f"bronze.{topic}" for topic in all_topics()}
    assert set(reader.tables) == {*all_tables(), *views}
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
            union all select topic, partition, "offset", 'duplicate' from silver.duplicates
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
    spec = all_tables()["silver.users"]
    content = arrow_schema(spec).empty_table()
    write_deltalake(names.table(spec.name), content)
    before = LakeReader(names)
    row = {c.name: ZERO[str(arrow_type(c.type))] for c in spec.columns}
    more = type(content).from_pylist([row], schema=content.schema)
    write_deltalake(names.table(spec.name), more, mode="append")
    count = "select count(*) as n from silver.users"
    assert (before.rows(count), LakeReader(names).rows(count)) == ([{"n": 0}], [{"n": 1}])


def test_the_topic_of_a_bound_mapping_is_a_view_of_its_own(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    record = bronze_row('it\'s "a" shop', 3, b"bytes")
    rows = pa.Table.from_pylist([record], schema=arrow_schema(BRONZE))
    write_deltalake(names.table(BRONZE.name), rows, partition_by=list(BRONZE.partitions))
    reader = LakeReader(names)
    assert 'bronze.it\'s "a" shop' in reader.tables
    (found,) = reader.rows('select "offset", value from bronze."it\'s ""a"" shop"')
    assert found == {"offset": 3, "value": b"bytes"}
    assert reader.rows("from bronze.clicks") == []


def test_tables_of_feature_sets_can_be_asked_too(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    write_deltalake(names.table("gold.features_twin_v1_inference"), pa.table({"visitor_id": ["v1"]}))
    (tmp_path / "lake" / "gold" / "features_user_v1_inference").mkdir()
    reader = LakeReader(names)
    assert reader.tables == ["gold.features_twin_v1_inference"]
    assert reader.rows("from gold.features_twin_v1_inference") == [{"visitor_id": "v1"}]


def test_positions_are_the_furthest_that_the_commits_carry(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    content = arrow_schema(BRONZE).empty_table()
    for batch, offset in enumerate((5, 9, 7)):
        coverage = Coverage("land_bronze", batch, {("clicks", 0): offset, ("orders", 1): batch})
        properties = CommitProperties(custom_metadata={"userMetadata": coverage.encode()})
        write_deltalake(names.table(BRONZE.name), content, mode="append", commit_properties=properties)
    write_deltalake(names.table(BRONZE.name), content, mode="append")
    found = covered(names, [BRONZE.name, "silver.events"], query="land_bronze")
    assert found == {("clicks", 0): 9, ("orders", 1): 2}
    assert covered(names, [BRONZE.name], query="clean_silver") == {}


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
