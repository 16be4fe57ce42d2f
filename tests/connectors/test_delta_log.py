"""Appends committed by hand: what other readers of the table see, and two writers at once."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from pipelines.connectors.delta import ensure_table, local_commits, positions_in
from pipelines.connectors.delta_compaction import compact_table
from pipelines.connectors.delta_files import write_files
from pipelines.connectors.delta_log import CHECKPOINT_INTERVAL, AppendLog
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS
from pipelines.contracts.positions import Coverage
from pipelines.errors import LakeError
from tests.records import NOON, bronze_row

NAIVE = NOON.replace(tzinfo=None)


def rows(*offsets, topic="clicks", value=b"{}", **changes):
    found = [bronze_row(topic, offset, value, **changes) for offset in offsets]
    return pa.Table.from_pylist(found, schema=arrow_schema(BRONZE))


@pytest.fixture
def path(tmp_path):
    folder = str(tmp_path / "lake" / "bronze" / "records")
    ensure_table(None, BRONZE, folder)
    return folder


def append(path, batch, table, app="a"):
    log = AppendLog(path, app)
    if not log.has(batch):
        coverage = Coverage("q", batch, {("clicks", 0): batch})
        log.append(write_files(table, BRONZE, path), batch_id=batch, user_metadata=coverage.encode())


def test_others_read_the_rows_their_partitions_and_the_positions(path):
    table = pa.concat_tables(
        [
            rows(1, 2),
            rows(3, topic='it\'s "ä/b" %41=+ c'),
            rows(4, ingested_date=(NOON + timedelta(days=1)).date(), value=None, key=None, headers=None),
        ]
    )
    append(path, 7, table)
    found = DeltaTable(path).to_pyarrow_table().select(table.column_names).sort_by("offset")
    assert found.cast(table.schema) == table
    assert positions_in(local_commits(path), "q") == [{("clicks", 0): 7}]
    assert DeltaTable(path).transaction_version("a") == 7


def test_a_batch_that_is_there_is_not_appended_again(path):
    for batch in (1, 1, 0, 2):
        append(path, batch, rows(batch))
    assert sorted(DeltaTable(path).to_pyarrow_table()["offset"].to_pylist()) == [1, 2]


def test_appends_go_on_after_those_of_others(path):
    log = AppendLog(path, "a")
    write_deltalake(path, rows(100), mode="append")
    log.append(write_files(rows(1), BRONZE, path), batch_id=1, user_metadata="")
    assert DeltaTable(path).version() == 2
    assert sorted(DeltaTable(path).to_pyarrow_table()["offset"].to_pylist()) == [1, 100]


def test_many_writers_at_once_lose_nothing(path):
    def write(app):
        log = AppendLog(path, str(app))
        for batch in range(15):
            files = write_files(rows(app * 1000 + batch), BRONZE, path)
            log.append(files, batch_id=batch, user_metadata="")

    threads = [threading.Thread(target=write, args=(app,)) for app in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(DeltaTable(path).to_pyarrow_table()["offset"].to_pylist())
    assert found == [app * 1000 + batch for app in range(6) for batch in range(15)]
    assert DeltaTable(path).version() == 90


def test_the_log_is_checkpointed_and_read_from_there(path):
    log = AppendLog(path, "a")
    for batch in range(CHECKPOINT_INTERVAL + 3):
        log.append(write_files(rows(batch), BRONZE, path), batch_id=batch, user_metadata="")
    for version in range(CHECKPOINT_INTERVAL):
        Path(path, "_delta_log", f"{version:020d}.json").unlink()
    assert DeltaTable(path).to_pyarrow_table().num_rows == CHECKPOINT_INTERVAL + 3
    assert AppendLog(path, "a").has(CHECKPOINT_INTERVAL + 2)


def test_small_files_are_joined_and_appends_go_on(path):
    log = AppendLog(path, "a")
    for batch in range(12):
        log.append(write_files(rows(batch), BRONZE, path), batch_id=batch, user_metadata="")
    compacted = compact_table(path)
    assert (compacted.files_before, compacted.files_after) == (12, 1)
    log.append(write_files(rows(12), BRONZE, path), batch_id=12, user_metadata="")
    assert sorted(DeltaTable(path).to_pyarrow_table()["offset"].to_pylist()) == list(range(13))
    assert AppendLog(path, "a").has(12)
    assert compact_table(path).files_after == 1


def test_a_table_with_features_is_refused(tmp_path):
    path = str(tmp_path / "table")
    DeltaTable.create(path, arrow_schema(BRONZE), configuration={"delta.enableChangeDataFeed": "true"})
    with pytest.raises(LakeError, match="features"):
        AppendLog(path, "a")


def test_rows_that_break_the_schema_are_refused_before_the_commit(path):
    broken = pa.table(
        [pa.array([None], field.type) for field in arrow_schema(BRONZE)], schema=arrow_schema(BRONZE)
    )
    with pytest.raises(pa.ArrowInvalid):
        write_files(broken, BRONZE, path)
    assert DeltaTable(path).version() == 0


@given(st.lists(st.datetimes(min_value=NAIVE, timezones=st.just(UTC)), min_size=1, max_size=5))
def test_bounds_hold_every_value(tmp_path_factory, moments):
    """A reader passes over a file by its bounds, which are in milliseconds: they must not cut."""
    folder = str(tmp_path_factory.mktemp("bounds"))
    table = pa.concat_tables([rows(n, ingested_at=m) for n, m in enumerate(moments)])
    for file in write_files(table, BRONZE, folder):
        low, high = (file.statistics[name]["ingested_at"] for name in ("minValues", "maxValues"))
        for moment in moments:
            assert datetime.fromisoformat(low) <= moment <= datetime.fromisoformat(high)


def test_a_question_by_bounds_finds_what_lies_within_a_millisecond(path):
    append(path, 1, rows(1, ingested_at=datetime(2026, 3, 1, 12, 0, 0, 1999, tzinfo=UTC)))
    dataset = DeltaTable(path).to_pyarrow_dataset()  # noqa: F841 - read by name below
    sql = "select count(*) from dataset where ingested_at > '2026-03-01 12:00:00.001500+00'"
    assert duckdb.sql(sql).fetchall() == [(1,)]


def test_long_texts_have_no_bounds(tmp_path):
    letters = pa.Table.from_pylist(
        [bronze_row("clicks", 1, b"", stage="decode", reason="x" * 500)], schema=arrow_schema(DEAD_LETTERS)
    )
    (file,) = write_files(letters, DEAD_LETTERS, str(tmp_path))
    assert set(file.statistics["minValues"]) == {"partition", "offset", "ingested_at"}
