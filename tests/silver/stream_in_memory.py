"""The silver stream without Spark: its own pieces over tables in memory, with crashes wherever wanted."""

import random
from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, IDENTITIES, record_tables
from pipelines.runtime.streams import silver_history
from pipelines.silver.arrow_parser import parse_batch
from pipelines.silver.deduplication import Deduplicator
from pipelines.silver.reading import RecordReader
from pipelines.silver.settling import conflict_letters, drop_rows, duplicate_rows, identity_rows

NAMES = Names.of(var_dir=".", lake="lake")
_DAY = 86_400_000_000


class StreamInMemory:
    """Takes batches once each, however often it dies in one; like Delta, a table takes a batch once."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._written: dict[str, dict[int, pa.Table]] = defaultdict(dict)
        self._batches = 0
        self.restart()

    def restart(self) -> None:
        """Begin with an empty memory, as a new driver does."""
        self._judge = Deduplicator(silver_history.SilverHistory(None, NAMES))

    def read_since(self, _spark, path, columns, *, since) -> pa.Table:
        """What `connectors.delta.read_since` gives."""
        name = next(name for name in record_tables() if NAMES.table(name) == path)
        rows = self.table(name)
        return rows.filter(pc.greater_equal(rows["ingested_at"], pa.scalar(since))).select(columns)

    def take(self, records: Sequence[KafkaRecord], rng: random.Random, *, crashes: int = 0) -> None:
        """Process a batch, its records in any order, dying so often before it is whole."""
        self._append(BRONZE.name, bronze := bronze_table(records))
        for _ in range(crashes):
            found = self._process(bronze, rng)
            for table in rng.sample(sorted(found), rng.randint(0, len(found))):
                self._append(table, found[table])
            self.restart()
        for table, rows in self._process(bronze, rng).items():
            self._append(table, rows)
        self._batches += 1

    def table(self, name: str) -> pa.Table:
        """All rows of a table."""
        schema = arrow_schema(record_tables()[name])
        return pa.concat_tables([schema.empty_table(), *self._written[name].values()])

    def _append(self, table: str, rows: pa.Table) -> None:
        self._written[table].setdefault(self._batches, rows)

    def _process(self, bronze: pa.Table, rng: random.Random) -> dict[str, pa.Table]:
        """Table → rows, as `clean_silver` makes them of what its workers have parsed."""
        order = rng.sample(range(bronze.num_rows), bronze.num_rows)
        shuffled = bronze.take(order).combine_chunks()
        size = rng.randint(1, bronze.num_rows)
        parsed = [part for one in shuffled.to_batches(size) for part in parse_batch(one, self._reader)]
        envelope = pa.Table.from_batches([envelope for _, envelope, _ in parsed])
        verdict = self._judge.judge(envelope)
        rows: dict[str, list[pa.Table]] = defaultdict(list)
        for name, _, some in parsed:
            rows[name].append(drop_rows(pa.Table.from_batches([some]), verdict.set_aside))
        rows[DUPLICATES.name].append(duplicate_rows(envelope, verdict))
        rows[IDENTITIES.name].append(identity_rows(envelope, verdict))
        if verdict.conflicts:
            where = zip(*(bronze[name].to_pylist() for name in ("topic", "partition", "offset")), strict=True)
            raw = bronze.filter(pa.array([position in verdict.conflicts for position in where]))
            rows[DEAD_LETTERS.name].append(conflict_letters(raw, verdict))
        return {name: pa.concat_tables(some) for name, some in rows.items()}


def bronze_table(records: Sequence[KafkaRecord]) -> pa.Table:
    """The records as bronze holds them."""
    columns = {
        "topic": [one.topic for one in records],
        "partition": [one.partition for one in records],
        "offset": [one.offset for one in records],
        "ingested_at": [one.ingested_at for one in records],
        "ingested_date": [one.ingested_at // _DAY for one in records],
        "key": [one.key for one in records],
        "value": [one.value for one in records],
        "headers": [[{"key": k, "value": v} for k, v in one.headers] or None for one in records],
    }
    schema = arrow_schema(BRONZE)
    plain = {"ingested_at": pa.int64(), "ingested_date": pa.int32()}
    arrays = [
        pa.array(columns[field.name], plain.get(field.name, field.type)).cast(field.type) for field in schema
    ]
    return pa.table(arrays, schema=schema)


@pytest.fixture
def streams(monkeypatch):
    """Makes streams whose history is read from their own tables, one at a time."""

    def begin(reader: RecordReader) -> StreamInMemory:
        stream = StreamInMemory(reader)
        monkeypatch.setattr(silver_history, "read_since", stream.read_since)
        return stream

    return begin
