"""A lake of a few hundred simulated records, made without Spark: the real parser, real Delta tables."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.delivery import Delivery
from pipelines.contracts.lake import BRONZE, all_tables
from pipelines.contracts.positions import Coverage
from pipelines.contracts.tables import TableSpec
from pipelines.silver.arrow_parser import ArrowParser
from pipelines.simulator import ShopConfig, Simulation

START = 1_760_000_000_000_000
PARTITIONS = 2
_MICROS_PER_DAY = 86_400_000_000
NOT_UTF8 = Delivery(59_000_000, "clicks", b"visitor", b'{"event_id": "\xff"}', reason="invalid_utf8")

Record = dict[str, Any]


class TinyLake:
    """The lake's names, and every record that was put in, as bronze holds it."""

    def __init__(self, folder: Path) -> None:
        self.names = Names.of(var_dir=str(folder), lake=None)
        self.deliveries = [*_simulated(), NOT_UTF8]
        self.records = _landed(self.deliveries)
        _write(self.names, self.records)

    def settings(self) -> list[str]:
        """What to lay over the settings to use this lake."""
        return [f"var_dir={self.names.var_dir}"]


def _simulated() -> list[Delivery]:
    config = ShopConfig(
        start=START, rate=15, horizon_seconds=60, duplicate_share=0.03, late_share=0.03, broken_share=0.05
    )
    return list(Simulation(config).deliveries())


def _landed(deliveries: list[Delivery]) -> list[Record]:
    offsets: Counter[tuple[str, int]] = Counter()
    records = []
    for delivery in deliveries:
        partition = crc32(delivery.key or b"") % PARTITIONS
        place = (delivery.topic, partition)
        moment = START + delivery.send_at
        records.append(
            {
                "topic": delivery.topic,
                "partition": partition,
                "offset": offsets[place],
                "ingested_at": moment,
                "ingested_date": moment // _MICROS_PER_DAY,
                "key": delivery.key,
                "value": delivery.value,
                "headers": [{"key": key, "value": value} for key, value in delivery.headers],
            }
        )
        offsets[place] += 1
    return records


def _write(names: Names, records: list[Record]) -> None:
    tables: dict[str, list[pa.Table]] = defaultdict(list)
    tables[BRONZE.name].append(_table(records, BRONZE))
    for batch in ArrowParser({})(iter([*_table(records, BRONZE).to_batches()])):
        name = batch.column("table")[0].as_py()
        struct = batch.column(name.partition(".")[2])
        tables[name].append(pa.table(struct.flatten(), names=[field.name for field in struct.type]))
    ends = Counter((record["topic"], record["partition"]) for record in records)
    for spec in all_tables().values():
        schema = arrow_schema(spec)
        parts = [part.select(spec.column_names).cast(schema) for part in tables[spec.name]]
        content = pa.concat_tables(parts) if parts else schema.empty_table()
        query = LAND_BRONZE if spec == BRONZE else CLEAN_SILVER
        coverage = CommitProperties(custom_metadata={"userMetadata": Coverage(query, 0, ends).encode()})
        path, folders = names.table(spec.name), list(spec.partitions)
        write_deltalake(path, content, partition_by=folders, commit_properties=coverage)


def arrow_schema(spec: TableSpec) -> pa.Schema:
    """The Arrow schema of a declared table."""
    return pa.schema([pa.field(c.name, arrow_type(c.type), c.nullable) for c in spec.columns])


def _table(rows: list[Record], spec: TableSpec) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(spec))
