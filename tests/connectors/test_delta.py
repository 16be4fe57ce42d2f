"""Tables made and written by delta-rs and by Spark are the same tables, each batch in them once."""

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.connectors import delta, delta_writer
from pipelines.connectors.delta import ensure_table, last_positions, read_since
from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE, all_tables
from pipelines.contracts.positions import Coverage
from pipelines.errors import LakeError
from tests.records import NOON, bronze_row, frame

HALF_A_DAY = timedelta(hours=12)


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


def rows_of(*offsets):
    rows = [bronze_row("clicks", offset, b"x") for offset in offsets]
    return pa.Table.from_pylist(rows, schema=arrow_schema(BRONZE))


def coverage(batch_id, until, *, complete=True, query="land_bronze"):
    return Coverage(query, batch_id, {("clicks", 0): until}, complete)


def offsets_in(path):
    return sorted(DeltaTable(path).to_pyarrow_table(columns=["offset"])["offset"].to_pylist())


@pytest.fixture
def names(tmp_path):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    ensure_table(None, BRONZE, names.table(BRONZE.name))
    return names


@pytest.fixture
def path(names):
    return names.table(BRONZE.name)


@pytest.mark.spark
@pytest.mark.parametrize("first", ["arrow", "spark"])
@pytest.mark.parametrize("second", ["arrow", "spark"])
def test_a_batch_is_written_once_whoever_writes_it(spark, names, path, first, second):
    """Arrow rows go by delta-rs, frames by Spark: the one sees what the other has written."""
    writer = DeltaWriter(spark, names)

    def append(kind, offset, batch_id):
        rows = rows_of(offset)
        if kind == "spark":
            rows = frame(spark, BRONZE, rows.to_pylist())
        writer.append(BRONZE, rows, app_id="a", coverage=coverage(batch_id, offset + 1))

    append(first, 0, 7)
    append(second, 1, 7)  # the same batch once more, other rows: nothing may come of it
    append(second, 2, 6)  # nor of an older one
    assert offsets_in(path) == [0]
    append(second, 3, 8)
    append(first, 4, 8)
    assert offsets_in(path) == [0, 3]
    assert last_positions(spark, [path], query="land_bronze") == {("clicks", 0): 4}


@pytest.mark.spark
def test_a_lake_elsewhere_is_written_and_asked_by_spark_alone(spark, names, path, monkeypatch):
    for module in (delta, delta_writer):
        monkeypatch.setattr(module, "is_local", lambda _: False)
    writer = DeltaWriter(spark, names)
    assert not writer.takes_arrow
    for _ in range(2):
        writer.append(BRONZE, rows_of(0, 1), app_id="a", coverage=coverage(0, 2))
    writer.append(BRONZE, rows_of(2), app_id="a", coverage=coverage(1, 3, complete=False))
    assert offsets_in(path) == [0, 1, 2]
    (commit,) = {row["engineInfo"] for row in spark.sql(f"describe history delta.`{path}` limit 2").collect()}
    assert commit.startswith("Apache-Spark")
    assert last_positions(spark, [path], query="land_bronze") == {("clicks", 0): 2}
    found = read_since(spark, path, ["offset"], since=NOON.replace(second=1))
    assert sorted(found["offset"].to_pylist()) == [1, 2]


def test_another_writer_object_knows_what_was_written(names, path):
    for _ in range(2):
        DeltaWriter(None, names).append(BRONZE, rows_of(0), app_id="a", coverage=coverage(0, 1))
    assert offsets_in(path) == [0]


def test_two_writers_of_the_same_batch_side_by_side_write_it_once(names, path):
    """Both have the table open, as a driver that was thought dead and its successor would."""
    one, other = DeltaWriter(None, names), DeltaWriter(None, names)
    for number, writer in enumerate((one, other, other, one)):
        writer.append(BRONZE, rows_of(number), app_id="a", coverage=coverage(number // 2, number + 1))
    assert offsets_in(path) == [0, 2]


def test_applications_do_not_hold_up_each_other(names, path):
    writer = DeltaWriter(None, names)
    writer.append(BRONZE, rows_of(0), app_id="a", coverage=coverage(5, 1))
    writer.append(BRONZE, rows_of(1), app_id="b", coverage=coverage(0, 2))
    assert offsets_in(path) == [0, 1]


def test_only_whole_batches_of_the_query_carry_positions(names, path):
    writer = DeltaWriter(None, names)

    def positions():
        return last_positions(None, [path, f"{path}-that-is-not-there"], query="land_bronze")

    assert positions() == {}
    writer.append(BRONZE, rows_of(0), app_id="a", coverage=coverage(0, 1))
    writer.append(BRONZE, rows_of(1), app_id="a", coverage=coverage(1, 2, complete=False))
    writer.append(BRONZE, rows_of(2), app_id="b", coverage=coverage(0, 9, query="clean_silver"))
    assert positions() == {("clicks", 0): 1}
    writer.append(BRONZE, rows_of(3), app_id="a", coverage=coverage(2, 4))
    assert positions() == {("clicks", 0): 4}


def test_looking_back_reads_what_arrived_since(names, path):
    """Midnight lies between, and the moment itself counts."""
    late = [bronze_row("clicks", n, b"x", ingested_at=NOON + n * HALF_A_DAY) for n in range(4)]
    rows = [row | {"ingested_date": row["ingested_at"].date()} for row in late]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(BRONZE))
    DeltaWriter(None, names).append(BRONZE, table, app_id="a", coverage=coverage(0, 4))
    for since, expected in ((0, [0, 1, 2, 3]), (1, [1, 2, 3]), (2, [2, 3]), (4, [])):
        found = read_since(None, path, ["offset"], since=NOON + since * HALF_A_DAY)
        assert found.column_names == ["offset"]
        assert sorted(found["offset"].to_pylist()) == expected


def test_a_table_of_another_schema_is_refused(tmp_path):
    path = str(tmp_path / "table")
    ensure_table(None, all_tables()["silver.users"], path)
    with pytest.raises(LakeError, match=r"silver\.products there lacks or differs in .*commission_bp"):
        ensure_table(None, all_tables()["silver.products"], path)


@pytest.mark.parametrize(
    "by_rust", [pytest.param(True, id="delta-rs"), pytest.param(False, id="spark", marks=pytest.mark.spark)]
)
def test_columns_declared_since_are_added_and_old_rows_have_none(tmp_path, monkeypatch, request, by_rust):
    spec = all_tables()["silver.offers"]
    before = replace(spec, columns=tuple(c for c in spec.columns if c.name not in ("merchant", "currency")))
    path = str(tmp_path / "table")
    ensure_table(None, before, path)
    row = dict.fromkeys(before.column_names) | {"topic": "offers", "partition": 0, "offset": 1}
    row |= {"ingested_at": NOON, "known_at": NOON, "ingested_date": NOON.date(), "is_deleted": False}
    write_deltalake(path, pa.Table.from_pylist([row], schema=arrow_schema(before)), mode="append")
    monkeypatch.setattr(delta, "is_local", lambda _: by_rust)
    spark = None if by_rust else request.getfixturevalue("spark")
    for _ in range(2):
        ensure_table(spark, spec, path)
    found = DeltaTable(path)
    assert {field.name for field in found.schema().fields} == set(spec.column_names)
    (kept,) = found.to_pyarrow_table().to_pylist()
    assert (kept["offset"], kept["merchant"], kept["currency"]) == (1, None, None)


def test_a_column_that_must_have_values_cannot_be_added(tmp_path):
    spec = all_tables()["silver.offers"]
    before = replace(spec, columns=tuple(c for c in spec.columns if c.name != "is_deleted"))
    ensure_table(None, before, str(tmp_path / "table"))
    with pytest.raises(LakeError, match="lacks or differs in is_deleted;"):
        ensure_table(None, spec, str(tmp_path / "table"))
