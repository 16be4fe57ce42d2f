"""A lake of dead letters, and a redrive of it into an outbox."""

from collections import Counter

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS
from pipelines.contracts.origin import origin_value
from pipelines.contracts.parsing import ORIGIN_HEADER
from pipelines.contracts.positions import Coverage
from pipelines.contracts.topics import all_topics
from pipelines.runtime.redrive import Redriver, Selection, in_chunks, origins_sent, selected_topics
from pipelines.silver.reading import RecordReader
from tests.records import CLICK, NOON, bronze_row

NOW = int(NOON.timestamp() * 1_000_000) + 3_600_000_000
ALL = Selection()
GOOD, NO_VISITOR = CLICK, {**CLICK, "visitor_id": None}


class Outbox:
    """Remembers what was sent."""

    def __init__(self):
        self.sent = []
        self.flushed = False
        self.acked: Counter = Counter()
        self.failed: Counter = Counter()

    def send(self, topic, *, key, value, headers, partition):
        self.sent.append((topic, partition, key, value, headers))

    def flush(self):
        self.flushed = True


def letter(topic, offset, value, reason, **changes):
    return bronze_row(topic, offset, value, **changes) | {"stage": "validate", "reason": reason}


def write_lake(folder, letters, *, copies=(), ends=None) -> Names:
    """A lake in which all letters and copies have landed, and only the letters are silver's."""
    names = Names.of(var_dir=str(folder), lake=None)
    tables = {BRONZE: ([*letters, *copies], LAND_BRONZE), DEAD_LETTERS: (letters, CLEAN_SILVER)}
    for spec, (rows, query) in tables.items():
        schema = arrow_schema(spec)
        content = [{name: row.get(name) for name in schema.names} for row in rows]
        coverage = Coverage(query, 0, ends or {}).encode()
        write_deltalake(
            names.table(spec.name),
            pa.Table.from_pylist(content, schema=schema),
            partition_by=list(spec.partitions),
            commit_properties=CommitProperties(custom_metadata={"userMetadata": coverage}),
        )
    return names


def copy_of(position, topic, offset, value=GOOD):
    header = {"key": ORIGIN_HEADER, "value": origin_value(position)}
    return bronze_row(topic, offset, value, headers=[header])


def drive(names, selection=ALL, *, tail=(), limit=None, now=NOW):
    reader = LakeReader(names)
    letters = selection.of(reader)
    since = min(selected_topics(letters).values())
    outbox = Outbox()
    origins = origins_sent(reader, tail, since=since)
    redriver = Redriver(
        RecordReader({}, lambda _table, _row: None), frozenset(all_topics()), origins, outbox, limit
    )
    return redriver.run(in_chunks(letters), now=now), outbox
