"""Reading files for a mapping: formats, drifting columns, damage, and nothing lost silently."""

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.connectors.mapping import Mapping, load_mapping, open_files
from pipelines.errors import MappingError

SQL = """
-- @column id = id | event_id
-- @column time = time
-- @column visitor = visitor | cookie
-- @column page? = page
-- @topic clicks
select _row, id as event_id, 'page_view' as event_type, time as occurred_at, visitor as visitor_id,
  page as page_url, _rest as properties from input
"""
LONG = "id,time,visitor\n" + "".join(f"{n},{random.Random(n).random()},v\n" for n in range(20_000))
T = "2024-01-01T00:00:0{}Z"


@pytest.fixture
def mapping(tmp_path) -> Mapping:
    path = tmp_path / "own.sql"
    path.write_text(SQL)
    return load_mapping(str(path), folder=tmp_path)


def records(mapping: Mapping, *paths: Path, limit: int | None = None, shift_micros: int = 0) -> list[dict]:
    with open_files(mapping, paths, limit=limit) as files:
        return [json.loads(one.value) for one in files.records(shift_micros=shift_micros)]


def refusal(mapping: Mapping, *paths: Path) -> str:
    with pytest.raises(MappingError) as error, open_files(mapping, paths):
        pass
    text = str(error.value)
    assert "\n" not in text
    return text


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def click(number: int, visitor: str, **further) -> dict:
    return {
        "event_id": str(number),
        "event_type": "page_view",
        "occurred_at": T.format(number),
        "visitor_id": visitor,
        **further,
    }


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


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.pq"])
def test_a_required_column_that_a_file_lacks_is_named(mapping, tmp_path, name):
    path = tmp_path / name
    if name == "x.pq":
        pq.write_table(pa.table({"id": ["1"], "tyme": ["x"], "visitor": ["v"]}), path)
    else:
        write(path, "id,tyme,visitor\n1,x,v\n" if name == "x.csv" else '{"id":1,"tyme":"x","visitor":"v"}')
    text = refusal(mapping, path)
    assert name in text
    assert "no column for `time`: accepted are time" in text
    assert "perhaps `tyme`" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n \n", "is empty"),
        (gzip.compress(b""), "is empty"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "binary"),
        ("id,time\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"id,time,visitor\n")[:-9], "cannot be read"),
        (gzip.compress(LONG.encode())[:-5000], "cannot be read to its end"),
        (gzip.compress(LONG.encode())[:-9] + b"123456789", "cannot be read to its end"),
        (b"PAR1 not really", "Parquet"),
        (b"id,time,visitor,ID\n", "names the column `id` twice"),
        (b"caf\xe9,time,visitor\n", "not UTF-8"),
        (b"[{]", "JSON"),
    ],
)
def test_what_is_no_data_is_refused_in_one_sentence(mapping, tmp_path, content, says):
    path = tmp_path / "bad"
    path.write_bytes(content)
    text = refusal(mapping, path)
    assert str(path) in text
    assert says.lower() in text.lower()


def test_missing_file_and_folder(mapping, tmp_path):
    assert "there is no such file" in refusal(mapping, tmp_path / "none.csv")
    assert "is a folder" in refusal(mapping, tmp_path)


def test_bad_rows_are_counted_with_their_text(mapping, tmp_path):
    lines = ["id,time,visitor", f"1,{T.format(1)},v1", "2,too short", f"3,{T.format(3)},v,too long"]
    data = "\n".join(lines).encode() + b"\n4,caf\xe9,v4\n" + f"5,{T.format(5)},v5".encode()
    path = write(tmp_path / "a.csv", data)
    with open_files(mapping, [path]) as files:
        assert (files.rows, files.rejected_lines) == (2, 3)
        assert [example.split(" (")[0] for example in files.files[0].examples][:2] == [lines[2], lines[3]]
        assert [json.loads(one.value)["event_id"] for one in files.records()] == ["1", "5"]


def test_lines_that_are_no_json_objects_are_counted_with_their_text(mapping, tmp_path):
    good = json.dumps({"id": "1", "time": T.format(1), "visitor": "v1"})
    data = f'{good}\n{{"id": 2,\n\n[1]\n"text"\nnull\n'.encode() + b'{"id":"\xff"}\n'
    with open_files(mapping, [write(tmp_path / "a.jsonl", data)]) as files:
        assert (files.rows, files.rejected_lines) == (1, 5)
        assert files.files[0].examples[0].startswith('{"id": 2, (')


@pytest.mark.parametrize("stray", [[2500], [2500, 2503], [1, 2500, 4999]])
def test_a_quote_that_is_never_closed_costs_its_line_only(mapping, tmp_path, stray):
    rows = [f"{n},{T.format(1)},v{n},/p{n}" for n in range(5000)]
    rows[100] = f'100,{T.format(1)},v100,"two\nlines"'
    for n in stray:
        rows[n] = f'{n},{T.format(1)},"v{n},/p{n}'
    rows[7] = f'7,{T.format(1)},v7,5" screen'
    path = write(tmp_path / "a.csv", "\n".join(["id,time,visitor,page", *rows]))
    with open_files(mapping, [path]) as files:
        assert files.rejected_lines == len(stray)
        found = {record["event_id"]: record for one in files.records() if (record := json.loads(one.value))}
    assert found.keys() == {str(n) for n in range(5000)} - {str(n) for n in stray}
    assert found["100"]["page_url"] == "two\nlines"
    assert found["7"]["page_url"] == '5" screen'


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
