"""What a worker writes and the driver reads back; the worker's callable is called here, without Spark."""

import pickle
import re

import pyarrow as pa
import pytest

from pipelines.runtime.streams.spill import Spilled, _Spill


def batch(*numbers):
    return pa.RecordBatch.from_pydict({"number": pa.array(numbers, pa.int64())})


def by_parity(records):
    """Odd and even numbers apart, and none where there are none."""
    for name, rest in (("even", 0), ("odd", 1)):
        found = [number for number in records["number"].to_pylist() if number % 2 == rest]
        if found:
            yield name, batch(*found)


def run(spill, *batches):
    (told,) = list(spill(iter(batches)))
    return told["part"].to_pylist()[0]


def numbers(table):
    return table["number"].to_pylist()


def test_the_driver_reads_what_all_tasks_wrote_in_their_order(tmp_path):
    spill = pickle.loads(pickle.dumps(_Spill(by_parity, tmp_path)))
    parts = [run(spill, batch(1, 2), batch(3, 4)), run(spill, batch(5))]
    files = Spilled(tmp_path, parts)
    assert numbers(files.read("odd")) == [1, 3, 5]
    assert numbers(files.read("even")) == [2, 4]
    assert files.read("neither") is None


def test_a_task_without_records_names_its_part_and_writes_nothing(tmp_path):
    part = run(_Spill(by_parity, tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert Spilled(tmp_path, [part]).read("odd") is None
    assert Spilled(tmp_path, []).read("odd") is None


def test_tasks_do_not_write_over_each_other(tmp_path):
    spill = _Spill(by_parity, tmp_path)
    first, second = run(spill, batch(1)), run(spill, batch(1))
    assert first != second
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{p}-odd.arrow" for p in (first, second)
    )


def test_what_a_failed_task_left_is_not_read(tmp_path):
    def fails(records):
        yield "odd", records
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        run(_Spill(fails, tmp_path), batch(1))
    assert len(list(tmp_path.iterdir())) == 1
    again = run(_Spill(by_parity, tmp_path), batch(1))
    assert numbers(Spilled(tmp_path, [again]).read("odd")) == [1]


def test_batches_of_one_name_in_two_schemas_are_refused(tmp_path):
    other = pa.RecordBatch.from_pydict({"text": ["x"]})
    with pytest.raises(pa.ArrowInvalid, match=re.compile("schema", re.IGNORECASE)):
        run(_Spill(lambda records: [("all", records)], tmp_path), batch(1), other)
