"""Feature events of real records: of the simulated shop, and of samples through their mappings."""

from functools import cache
from pathlib import Path
from typing import Any

from pipelines.connectors.mapping import load_mapping, open_files
from pipelines.contracts.parsing import RawRecord, Reject
from pipelines.gold.features.event import of_row
from pipelines.settings import conf_dir
from pipelines.settings.traffic import load_traffic_rules
from pipelines.silver.enrichment import Enrichment
from pipelines.silver.reading import RecordReader
from tests.simulator.runs import START, run_shop

Rows = list[dict[str, Any]]
_READER = RecordReader({}, Enrichment(load_traffic_rules(conf_dir()), None))
_YEARS_LATER = 1_900_000_000_000_000


@cache
def shop_events() -> Rows:
    """Some visits to the simulated shop, in the order of arrival; shared, so leave them as they are."""
    run = run_shop(rate=60, horizon_seconds=40, users=12, products=8, broken_share=0, duplicate_share=0)
    records = [(one.topic, one.key, one.value, START + one.send_at) for one in run.deliveries]
    return _events(records)


@cache
def mapped_events(mapping: str, path: Path) -> Rows:
    """What the sample becomes through the mapping; rows that are no records are left out."""
    with open_files(load_mapping(mapping, folder=conf_dir() / "mappings"), [path]) as files:
        return _events([(one.topic, one.key, one.value, _YEARS_LATER) for one in files.records()])


def _events(records: list[tuple[str, bytes | None, bytes | None, int]]) -> Rows:
    found = []
    for offset, (topic, key, value, arrived) in enumerate(records):
        (rows,) = _READER.outcomes(topic, [RawRecord(key, value, (), arrived)])
        for table, row in () if isinstance(rows, Reject) else rows:
            where = {"topic": topic, "partition": 0, "offset": offset, "ingested_at": arrived}
            event = of_row(table, row | where)
            if event is not None:
                found.append(event)
    return found
