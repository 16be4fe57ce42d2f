"""A lake of a few hundred simulated records, made without Spark: the real parser, real Delta tables."""

from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.delivery import Delivery
from pipelines.contracts.lake import BRONZE, DUPLICATES, IDENTITIES, all_tables
from pipelines.contracts.positions import Coverage
from pipelines.contracts.tables import TableSpec
from pipelines.settings import conf_dir
from pipelines.settings.traffic import load_traffic_rules
from pipelines.silver.arrow_parser import parse_batch, parsed_tables
from pipelines.silver.deduplication import Deduplicator
from pipelines.silver.enrichment import Enrichment
from pipelines.silver.reading import RecordReader
from pipelines.silver.settling import drop_rows, duplicate_rows, identity_rows
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
                "headers": [{"key": key, "value": value} for key, value in delivery.headers] or None,
            }
        )
        offsets[place] += 1
    return records


class Empty:
    """The history of a lake that is just begun."""

    def records(self, firsts, *, bound):
        """No records."""
        names = ("topic", "partition", "offset", "ingested_at", "record_key", "fingerprint")
        types = (pa.string(), pa.int32(), pa.int64(), pa.timestamp("us", "UTC"), pa.binary(), pa.int64())
        return pa.schema(list(zip(names, types, strict=True))).empty_table()

    def links(self, firsts):
        """No links."""
        return pa.table({"topic": []})


def _write(names: Names, records: list[Record]) -> None:
    bronze = _table(records, BRONZE)
    reader = RecordReader({}, Enrichment(load_traffic_rules(conf_dir()), None))
    parsed = [part for batch in bronze.to_batches() for part in parse_batch(batch, reader)]
    envelope = pa.Table.from_batches([part for _, part, _ in parsed])
    verdict = Deduplicator(Empty()).judge(envelope)
    assert not verdict.conflicts
    tables = {BRONZE.name: bronze}
    for spec in parsed_tables().values():
        rows = pa.Table.from_batches(
            [rows for name, _, rows in parsed if name == spec.name], schema=arrow_schema(spec)
        )
        tables[spec.name] = drop_rows(rows, verdict.set_aside)
    tables[DUPLICATES.name] = duplicate_rows(envelope, verdict)
    tables[IDENTITIES.name] = identity_rows(envelope, verdict)
    ends = Counter((record["topic"], record["partition"]) for record in records)
    for spec in all_tables().values():
        query = LAND_BRONZE if spec == BRONZE else CLEAN_SILVER
        coverage = CommitProperties(custom_metadata={"userMetadata": Coverage(query, 0, ends).encode()})
        path, folders = names.table(spec.name), list(spec.partitions)
        rows = tables.get(spec.name, arrow_schema(spec).empty_table())
        write_deltalake(path, rows, partition_by=folders, commit_properties=coverage)


def _table(rows: list[Record], spec: TableSpec) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(spec))
