"""Every table of the lake, by name."""

from dataclasses import replace
from functools import cache

from pipelines.contracts.fields import Field
from pipelines.contracts.gold import gold_tables
from pipelines.contracts.tables import (
    BINARY,
    BOOLEAN,
    HEADERS,
    INTEGER,
    LONG,
    POSITION_COLUMNS,
    STRING,
    TIMESTAMP,
    Column,
    TableSpec,
)
from pipelines.contracts.topic import PROPERTIES, VALID_FROM, TopicSpec
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
_FINGERPRINT = Column(
    "fingerprint",
    LONG,
    "hash of what the record says, without known_at, ip_address and user_agent",
    nullable=False,
)
DERIVED = (
    Column("page_path", STRING, "path of page_url, percent-encoding undone"),
    Column("referrer_host", STRING, "host of referrer_url, lower case, without www."),
    Column("traffic_source", STRING, "where the visit came from: sent, else utm, ad click id or referrer"),
    Column("traffic_medium", STRING, "kind of that source: organic, cpc, social, email, referral, ..."),
    Column("traffic_campaign", STRING, "campaign: sent, else utm_campaign"),
    Column("traffic_rule", STRING, "what decided: sent, utm, click_id or referrer; null: nothing said so"),
    Column("device_class", STRING, "desktop, mobile, tablet, tv, bot or other, from user_agent"),
    Column("is_bot", BOOLEAN, "whether user_agent is a known robot's; null without one"),
)
"""Columns of `silver.events` that are made from the wire fields."""


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
    deleted = Column("is_deleted", BOOLEAN, "a tombstone: the key is gone", nullable=False)
    return TableSpec(
        name=topic.table,
        grain=topic.grain,
        keys=(*POSITION_KEY, "line_number") if topic.lines else POSITION_KEY,
        columns=(
            *POSITION_COLUMNS,
            _KNOWN_AT,
            *(_column(topic, field) for field in topic.fields),
            *lines,
            *(DERIVED if topic.name == "clicks" else ()),
            Column(PROPERTIES, STRING, "JSON object of everything the vocabulary does not name"),
            deleted if topic.compacted else _FINGERPRINT,
        ),
        partitions=("ingested_date",),
        skipping=(*_POSITION_BOUNDS, topic.time_column, topic.key),
    )


def _column(topic: TopicSpec, field: Field) -> Column:
    column = Column.of(field)
    return replace(column, name=VALID_FROM) if topic.compacted and field.name == "occurred_at" else column


DEAD_LETTERS = TableSpec(
    name="silver.dead_letters",
    grain="One row per bronze record that is at fault, with the reason.",
    keys=POSITION_KEY,
    columns=(
        *POSITION_COLUMNS,
        Column("stage", STRING, "where it failed: decode, map, validate or deduplicate", nullable=False),
        Column("reason", STRING, "why, a word of contracts/fields.py REASONS", nullable=False),
        Column("field", STRING, "the field at fault, where there is one"),
        Column("detail", STRING, "what was found there"),
        *_RAW_COLUMNS,
    ),
    partitions=("ingested_date",),
    skipping=_POSITION_BOUNDS,
    retention_days=400,
)


DUPLICATES = TableSpec(
    name="silver.duplicates",
    grain="One row per id of a bronze record that says again what an earlier one of its partition said.",
    keys=(*POSITION_KEY, "record_table", "event_id"),
    columns=(
        *POSITION_COLUMNS,
        Column("visitor_id", STRING, "whose record it is", nullable=False),
        Column("event_id", STRING, "its id, the same as the earlier one's", nullable=False),
        Column("record_table", STRING, "the silver table that holds the first one", nullable=False),
        Column("repeats_offset", LONG, "offset of the latest earlier record that says the same"),
        _FINGERPRINT,
    ),
    partitions=("ingested_date",),
    skipping=_POSITION_BOUNDS,
    retention_days=400,
)

IDENTITIES = TableSpec(
    name="silver.identities",
    grain="One row per visitor, user and Kafka partition in each hour of arrival in which both were named.",
    keys=("topic", "partition", "visitor_id", "user_id", "seen_hour"),
    columns=(
        *POSITION_COLUMNS,
        _KNOWN_AT,
        Column("visitor_id", STRING, "the browser", nullable=False),
        Column("user_id", STRING, "the account that was signed in there", nullable=False),
        Column("occurred_at", TIMESTAMP, "time of the record that names both", nullable=False),
        Column("seen_hour", TIMESTAMP, "ingested_at of that record, cut to the hour", nullable=False),
    ),
    partitions=("ingested_date",),
    skipping=(*_POSITION_BOUNDS, "visitor_id", "user_id"),
)


@cache
def silver_tables() -> dict[str, TableSpec]:
    """The silver tables that records are parsed into, by name; the exceptions are not among them."""
    return {topic.table: _silver_table(topic) for topic in all_topics().values()}


@cache
def record_tables() -> dict[str, TableSpec]:
    """The tables of bronze and silver by name: every row names the Kafka record it was made from."""
    specs = (BRONZE, *silver_tables().values(), IDENTITIES, DUPLICATES, DEAD_LETTERS)
    return {spec.name: spec for spec in specs}


@cache
def all_tables() -> dict[str, TableSpec]:
    """Every declared table by name."""
    return record_tables() | gold_tables()
