"""Damaged files for a mapping: refused in a sentence, or their lines counted and shown."""

import gzip
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.connectors.mapping import open_files
from tests.connectors.own_mapping import T, refusal, write

LONG = "id,time,visitor\n" + "".join(f"{n},{random.Random(n).random()},v\n" for n in range(20_000))


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
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "binary"),
        ("id,time\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"id,time,visitor\n", mtime=0)[:-9], "cannot be read"),
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
