"""The oracle beside the stream's own way from records to rows, without Spark."""

import pyarrow as pa
import pytest

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import DUPLICATES, IDENTITIES, record_tables
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams import oracle_check
from pipelines.settings import load_settings
from pipelines.silver.oracle import Oracle


def landed(record):
    headers = [(one["key"], one["value"]) for one in record["headers"] or ()]
    names = ("topic", "partition", "offset", "ingested_at", "key", "value")
    return KafkaRecord(*(record[name] for name in names), headers)


@pytest.fixture
def kafka(tiny_lake, monkeypatch):
    """The lake's own records, as a broker would give them."""
    records = [landed(record) for record in tiny_lake.records]
    monkeypatch.setattr(oracle_check, "records_between", lambda *_: iter(records))
    return records


def compare(lake):
    return oracle_check.compare_with_oracle(record_reader(load_settings()), lake.names, bootstrap="")


def test_every_table_of_a_sound_lake_is_as_expected(tiny_lake, kafka):
    result = compare(tiny_lake)
    assert result.holds, result
    assert set(result.tables) == set(record_tables())
    assert all(
        result.tables[name]["rows"] > 0 for name in ("silver.events", DUPLICATES.name, IDENTITIES.name)
    )
    assert sum(found["rows"] for found in result.tables.values()) > len(kafka)


@pytest.mark.parametrize(("dropped", "table"), [("clicks", "silver.events"), ("users", "silver.users")])
def test_a_record_more_or_less_is_seen(tiny_lake, kafka, dropped, table):
    index = next(n for n, record in enumerate(kafka) if record.topic == dropped and record.offset == 0)
    kafka.pop(index)
    result = compare(tiny_lake)
    assert not result.holds
    assert (result.tables[table]["missing"], result.tables[table]["extra"]) == (0, 1)


def test_a_changed_byte_is_seen(tiny_lake, kafka):
    index = next(n for n, record in enumerate(kafka) if record.topic == "orders")
    kafka[index] = kafka[index]._replace(value=kafka[index].value + b" ")
    assert compare(tiny_lake).tables["bronze.records"] == {"rows": len(kafka), "missing": 1, "extra": 1}


def test_what_no_batch_covers_yet_is_not_compared(tiny_lake, kafka, monkeypatch):
    ends = oracle_check.covered(tiny_lake.names, oracle_check.WRITTEN, query="clean_silver")
    fewer = {place: max(1, offset - 5) for place, offset in ends.items()}
    monkeypatch.setattr(oracle_check, "covered", lambda *_, **__: fewer)
    kafka[:] = [one for one in kafka if one.offset < fewer[one.topic, one.partition]]
    result = compare(tiny_lake)
    assert result.holds, result
    assert result.records == sum(fewer.values())


def test_it_takes_more_than_a_chunk():
    oracle = Oracle(record_reader(load_settings()))
    garbage = KafkaRecord("clicks", 0, 0, 1_760_000_000_000_000, b"k", b"{", ())
    for offset in range(20_001):
        oracle.take(garbage._replace(offset=offset))
    assert oracle.tables()["silver.dead_letters"].num_rows == 20_001
    assert isinstance(oracle.tables()["silver.events"], pa.Table)
