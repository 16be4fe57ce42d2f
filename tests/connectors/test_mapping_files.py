"""Reading files for a mapping: formats, drifting columns, order, and nothing lost silently."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.connectors.mapping import load_mapping, open_files
from pipelines.errors import MappingError
from tests.connectors.own_mapping import SQL, T, click, records, write

WANTED = [click(1, "v1", page_url="/a"), click(2, "v2", properties={"extra": "x"})]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".anything"])
def test_csv(mapping, tmp_path, mark, ending, suffix):
    lines = ["id,time,visitor,page,extra", f"1,{T.format(1)},v1,/a,", f"2,{T.format(2)},v2,,x"]
    path = write(tmp_path / f"data{suffix}", ending.join(lines).replace(",", mark))
    assert records(mapping, path) == WANTED


def test_csv_with_byte_order_mark_blank_lines_and_quotes(mapping, tmp_path):
    text = f'\ufeff\n\n"ID",time,cookie,page\n\n1,{T.format(1)},v1,"a ""quoted"", page\n\nof lines"\n'
    path = write(tmp_path / "a.csv", text)
    assert records(mapping, path) == [click(1, "v1", page_url='a "quoted", page\n\nof lines')]
    with open_files(mapping, [path]) as files:
        assert files.rejected_lines == 0


def test_json_lines(mapping, tmp_path):
    lines = [
        {"id": 1, "time": T.format(1), "Visitor": "v1", "page": "/a", "extra": None},
        {"EVENT_ID": 2, "time": T.format(2), "cookie": "v2", "page": "", "extra": "x"},
    ]
    path = write(tmp_path / "a.log.gz", "\n".join(map(json.dumps, lines)))
    assert records(mapping, path) == WANTED


def test_nested_values_of_json_are_json_text_and_rest(mapping, tmp_path):
    line = {"id": "1", "time": T.format(1), "visitor": {"a": [1]}, "deep": {"er": [{"x": None}, 2]}}
    (record,) = records(mapping, write(tmp_path / "a.jsonl", json.dumps(line)))
    assert record["visitor_id"] == '{"a":[1]}'
    assert record["properties"] == {"deep": {"er": [{"x": None}, 2]}}


def test_json_array(mapping, tmp_path):
    rows = [
        {"id": "1", "time": T.format(1), "visitor": "v1"},
        {"id": "2", "time": T.format(2), "visitor": "v2"},
    ]
    assert records(mapping, write(tmp_path / "a.json", json.dumps(rows))) == [click(1, "v1"), click(2, "v2")]


def test_parquet_types_become_text(mapping, tmp_path):
    moment = datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC)
    table = pa.table(
        {"id": [1], "time": pa.array([moment]), "visitor": ["v1"], "page": ["/a"], "tags": [[1, 2]]}
    )
    pq.write_table(table, tmp_path / "a.pq")
    wanted = click(1, "v1", page_url="/a", properties={"tags": [1, 2]}) | {
        "occurred_at": "2024-01-01T00:00:01.000000Z"
    }
    assert records(mapping, tmp_path / "a.pq") == [wanted]


def test_zstd(mapping, tmp_path):
    with pa.output_stream(str(tmp_path / "a.csv.zst"), compression="zstd") as out:
        out.write(f"id,time,visitor\n1,{T.format(1)},v1\n".encode())
    assert records(mapping, tmp_path / "a.csv.zst") == [click(1, "v1")]


def test_files_whose_columns_drift_are_one_input(mapping, tmp_path):
    first = write(tmp_path / "1.csv", f"id,time,visitor,page\n3,{T.format(3)},v1,/a\n1,{T.format(1)},v1,/b\n")
    second = write(tmp_path / "2.csv.gz", f"cookie;time;EVENT_ID;campaign\nv2;{T.format(2)};2;x\n")
    with open_files(mapping, [first, second]) as files:
        found = [(one.row, json.loads(one.value)) for one in files.records()]
    assert found == [
        (2, click(1, "v1", page_url="/b")),
        (3, click(2, "v2", properties={"campaign": "x"})),
        (1, click(3, "v1", page_url="/a")),
    ]


def test_mixed_line_ends_lose_nothing(mapping, tmp_path):
    lines = [f"{n},{T.format(n % 10)},v{n}{end}" for n, end in enumerate(["\r\n", "\n"] * 50)]
    path = write(tmp_path / "a.csv", "id,time,visitor\n" + "".join(lines))
    assert len(records(mapping, path)) == 100


def test_limit_takes_the_first_rows_of_all_files(mapping, tmp_path):
    first = write(
        tmp_path / "1.csv", "id,time,visitor\n" + "".join(f"a{n},{T.format(1)},v\n" for n in range(5))
    )
    lines = (json.dumps({"id": f"b{n}", "time": T.format(2), "visitor": "v"}) for n in range(5))
    second = write(tmp_path / "2.jsonl.gz", "\n".join(lines))
    assert [r["event_id"] for r in records(mapping, first, second, limit=7)] == [
        "a0", "a1", "a2", "a3", "a4", "b0", "b1",
    ]  # fmt: skip
    assert len(records(mapping, first, second, limit=3)) == 3


def test_rows_without_a_time_come_first_and_keep_their_text(mapping, tmp_path):
    path = write(tmp_path / "a.csv", f"id,time,visitor\n1,{T.format(1)},v\n2,soon,v\n3,,v\n")
    found = records(mapping, path, shift_micros=1_000_000)
    assert [(r["event_id"], r.get("occurred_at")) for r in found] == [
        ("2", "soon"),
        ("3", None),
        ("1", "2024-01-01T00:00:02.000000Z"),
    ]


def test_implausible_times_do_not_decide_the_span(mapping, tmp_path):
    times = ["2999-01-01T00:00:00Z", "1970-01-02T00:00:00Z", T.format(4), T.format(2)]
    rows = "".join(f"{n},{time},v\n" for n, time in enumerate(times))
    with open_files(mapping, [write(tmp_path / "a.csv", f"id,time,visitor\n{rows}")]) as files:
        span = files.span()
    assert [datetime.fromtimestamp(m / 1e6, UTC).second for m in span] == [2, 4]
    assert datetime.fromtimestamp(span.first / 1e6, UTC).year == 2024


def test_a_row_that_breaks_the_sql_is_an_error_before_the_first_record(tmp_path):
    own = tmp_path / "own.sql"
    own.write_text(SQL.replace("id as event_id", "id::bigint as event_id"))
    path = write(tmp_path / "a.csv", f"id,time,visitor\n1,{T.format(1)},v\nx,{T.format(2)},v\n")
    with (
        open_files(load_mapping(str(own), folder=tmp_path), [path]) as files,
        pytest.raises(MappingError, match=r"own\.sql: Conversion Error"),
    ):
        next(iter(files.records()))


def test_rows_no_select_takes_are_counted_and_repeated_ids_too(tmp_path):
    own = tmp_path / "own.sql"
    own.write_text(SQL.replace("from input", "from input where page is null"))
    rows = f"1,{T.format(1)},v,\n1,{T.format(1)},v,\n1,{T.format(1)},other,\n2,{T.format(1)},v,/a\n"
    path = write(tmp_path / "a.csv", f"id,time,visitor,page\n{rows}")
    with open_files(load_mapping(str(own), folder=tmp_path), [path]) as files:
        count, (example,) = files.unmapped()
        assert (count, json.loads(example)["_row"], files.repeats()) == (1, 4, 1)
        assert files.counts() == {"clicks": 3}
