"""Tables made by delta-rs and by Spark from one spec are the same table."""

import pytest

from pipelines.connectors import delta
from pipelines.connectors.delta import append_once, ensure_table, last_positions
from pipelines.contracts.lake import BRONZE, all_tables
from pipelines.contracts.positions import Coverage
from pipelines.errors import LakeError
from tests.records import bronze_row, frame


def described(spark, path):
    (detail,) = spark.sql(f"describe detail delta.`{path}`").collect()
    return detail["description"], detail["partitionColumns"], detail["properties"]


@pytest.mark.spark
@pytest.mark.parametrize("table", ["bronze.records", "silver.orders"])
def test_both_makers_make_the_same_table(spark, tmp_path, monkeypatch, table):
    spec = all_tables()[table]
    by_rust, by_spark = str(tmp_path / "rust"), str(tmp_path / "spark")
    ensure_table(spark, spec, by_rust)
    monkeypatch.setattr(delta, "is_local", lambda _: False)
    ensure_table(spark, spec, by_spark)
    schemas = [spark.read.format("delta").load(path).schema.jsonValue() for path in (by_rust, by_spark)]
    assert schemas[0] == schemas[1]
    assert described(spark, by_rust) == described(spark, by_spark)
    for path in (by_rust, by_spark):
        ensure_table(spark, spec, path)


@pytest.mark.spark
def test_an_append_happens_once_and_carries_its_position(spark, tmp_path, monkeypatch):
    path = str(tmp_path / "records")
    ensure_table(spark, BRONZE, path)
    rows = frame(spark, BRONZE, [bronze_row("clicks", offset, b"x") for offset in range(3)])
    coverage = Coverage("land_bronze", 0, {("clicks", 0): 3})
    for _ in range(2):
        append_once(rows, path, app_id="a", coverage=coverage)
    assert spark.read.format("delta").load(path).count() == 3
    assert last_positions(spark, [path], query="land_bronze") == {("clicks", 0): 3}
    monkeypatch.setattr(delta, "is_local", lambda _: False)
    assert last_positions(spark, [path], query="land_bronze") == {("clicks", 0): 3}


def test_a_table_of_another_schema_is_refused(tmp_path):
    path = str(tmp_path / "table")
    ensure_table(None, all_tables()["silver.users"], path)
    with pytest.raises(LakeError, match=r"silver\.products there lacks or differs in .*commission_bp"):
        ensure_table(None, all_tables()["silver.products"], path)
