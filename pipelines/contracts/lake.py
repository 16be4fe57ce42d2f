"""Every table of the lake, by name."""

from functools import cache

from pipelines.contracts.tables import (
    BINARY,
    BOOLEAN,
    HEADERS,
    INTEGER,
    POSITION_COLUMNS,
    STRING,
    TIMESTAMP,
    Column,
    TableSpec,
)
from pipelines.contracts.topic import PROPERTIES, TopicSpec
from pipelines.contracts.topics import all_topics

POSITION_KEY = ("topic", "partition", "offset")
_POSITION_BOUNDS = ("partition", "offset", "ingested_at")
_RAW_COLUMNS = (
    Column("key", BINARY, "the Kafka key's bytes"),
    Column("value", BINARY, "the Kafka value's bytes, untouched"),
    Column("headers", HEADERS, "the Kafka headers, in their order"),
)
_KNOWN_AT = Column(
    "known_at", TIMESTAMP, "original arrival: a replay's header, else ingested_at", nullable=False
)


BRONZE = TableSpec(
    name="bronze.records",
    grain="One row per Kafka record of any topic, byte for byte.",
    keys=POSITION_KEY,
    columns=(*POSITION_COLUMNS, *_RAW_COLUMNS),
    partitions=("topic", "ingested_date"),
    skipping=_POSITION_BOUNDS,
    retention_days=400,
)


def _silver_table(topic: TopicSpec) -> TableSpec:
    lines: tuple[Column, ...] = ()
    if topic.lines:
        lines = (
            Column("line_number", INTEGER, "number of the line in the order, from 1", nullable=False),
            Column("line_count", INTEGER, "lines of the order", nullable=False),
            *(Column.of(field) for field in topic.lines),
        )
    deleted = (Column("is_deleted", BOOLEAN, "a tombstone: the key is gone", nullable=False),)
    return TableSpec(
        name=topic.table,
        grain=topic.grain,
        keys=(*POSITION_KEY, "line_number") if topic.lines else POSITION_KEY,
        columns=(
            *POSITION_COLUMNS,
            _KNOWN_AT,
            *(Column.of(field) for field in topic.fields),
            *lines,
            Column(PROPERTIES, STRING, "JSON object of everything the vocabulary does not name"),
            *(deleted if topic.compacted else ()),
        ),
        partitions=("ingested_date",),
        skipping=(*_POSITION_BOUNDS, "occurred_at", topic.key),
    )


DEAD_LETTERS = TableSpec(
    name="silver.dead_letters",
    grain="One row per bronze record that has no silver row.",
    keys=POSITION_KEY,
    columns=(
        *POSITION_COLUMNS,
        Column("stage", STRING, "where it failed: decode, map or validate", nullable=False),
        Column("reason", STRING, "why, a word of contracts/fields.py REASONS", nullable=False),
        Column("field", STRING, "the field at fault, where there is one"),
        Column("detail", STRING, "what was found there"),
        *_RAW_COLUMNS,
    ),
    partitions=("ingested_date",),
    skipping=_POSITION_BOUNDS,
    retention_days=400,
)


@cache
def silver_tables() -> dict[str, TableSpec]:
    """The silver tables that records are parsed into, by name; dead letters not among them."""
    return {topic.table: _silver_table(topic) for topic in all_topics().values()}


@cache
def all_tables() -> dict[str, TableSpec]:
    """Every declared table by name."""
    specs = (BRONZE, *silver_tables().values(), DEAD_LETTERS)
    return {spec.name: spec for spec in specs}
