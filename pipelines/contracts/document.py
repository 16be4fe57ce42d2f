"""The data contract as one Markdown page, printed from the declarations it describes."""

from collections.abc import Iterable, Sequence

from pyspark.sql.types import DataType

from pipelines.contracts.avro import avro_schema, fingerprint_of
from pipelines.contracts.fields import REASONS, Field
from pipelines.contracts.lake import all_tables
from pipelines.contracts.odd_inputs import OddInput, odd_inputs
from pipelines.contracts.tables import TableSpec
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.topics import all_topics
from pipelines.contracts.vocabulary import EVENT_TYPES, ORDER_STATES

_MANY_WORDS = 5
_OPENING = """\
# Data contract

This page is printed by `clicklake contract`; edit the declarations in `pipelines/contracts/`, not the page.

A producer writes one record a Kafka message: a JSON object in UTF-8, or Avro in single-object encoding.
`clicklake contract TOPIC --format json` prints a JSON Schema, `--format avro` the Avro schema. A message
carries its event's own id; the broker adds the time that is trusted (`LogAppendTime`). Every record lands
in bronze byte for byte. Then it becomes silver rows, or one dead letter with a reason; nothing is trimmed
or guessed. Behavioural topics are partitioned by the murmur2 hash of the key, so that a visitor's records
stay in order: Java's default, `partitioner=murmur2_random` in librdkafka.

A topic whose messages have another shape is read through a mapping instead: see `docs/mappings.md`.
"""
_KINDS = """\
## Kinds of values

| kind | in JSON | in Avro | in silver |
| --- | --- | --- | --- |
| id | text, or an integer (taken as its digits) | string | string |
| text | text | string | string |
| time | ISO 8601 text (no zone: UTC), or an integer of epoch milliseconds | timestamp-micros | timestamp |
| integer | integer, no point | long | bigint |
| number | a number, with or without a point | double | double |
| money | integer of minor units (cents), from 0 to 10^15 | long | bigint |
| currency | three capitals, ISO 4217 | string | string |
| boolean | `true`, `false` | boolean | boolean |

An optional field may be left out, null or `""`: all three are null in silver. Every text has a limit of
characters (1,024 where none is named; ids 256), and holds no NUL and no half surrogate pair. Fields nobody
declared, and the members of `properties`, are kept in the column `properties` as JSON text.
"""


def contract_page() -> str:
    """The whole page."""
    parts = [_OPENING, "## Topics\n", *(topic_section(topic) for topic in all_topics().values()), _KINDS]
    parts += [_vocabulary(), _fates(), _reasons(), "## Tables\n", _tables_opening()]
    parts += [_table_section(spec) for spec in all_tables().values()]
    return "\n".join(parts)


def topic_section(topic: TopicSpec) -> str:
    """What a record of the topic holds."""
    kept = "the latest record of each key is kept" if topic.compacted else "records are kept for a time"
    lines = [
        f"### `{topic.name}`\n",
        f"{topic.grain} Kafka key: `{topic.key}`; {kept}. Silver table: `{topic.table}`.\n",
        _grid(("field", "kind", "rule", "meaning"), map(_field_row, topic.fields)),
    ]
    if topic.lines:
        lines += ["Each element of `lines`, from 1 to 1,000 of them:\n"]
        lines += [_grid(("field", "kind", "rule", "meaning"), map(_field_row, topic.lines))]
    fingerprint = fingerprint_of(avro_schema(topic)).hex()
    lines.append(f"As Avro: the bytes `c301`, the fingerprint `{fingerprint}`, then the record's encoding.\n")
    return "\n".join(lines)


def _field_row(field: Field) -> Sequence[str]:
    rules = ["required"] if field.required else []
    if field.choices:
        few = len(field.choices) < _MANY_WORDS
        rules.append(f"one of {', '.join(field.choices)}" if few else "a word of the vocabulary")
    elif field.max_length is not None:
        rules.append(f"at most {field.max_length:,} characters")
    if field.kind in ("integer", "number") and field.minimum is not None:
        rules.append(f"from {field.minimum:,}" + (f" to {field.maximum:,}" if field.maximum else ""))
    return f"`{field.name}`", field.kind, ", ".join(rules), field.comment


def _vocabulary() -> str:
    types = ((f"`{name}`", meaning) for name, meaning in EVENT_TYPES.items())
    states = ((f"`{name}`", meaning) for name, meaning in ORDER_STATES.items())
    return "\n".join(
        [
            "## Vocabulary\n",
            _grid(("`event_type` of clicks", "meaning"), types),
            _grid(("`status` of orders", "meaning"), states),
        ]
    )


def _fates() -> str:
    lines = ["## What becomes of odd records\n", "Each line was run through the parser to print this page.\n"]
    for subject, odd in odd_inputs().items():
        rows = ((one.what, *_fate_cells(one)) for one in odd)
        lines.append(_grid((subject.lower(), "fate", "because"), rows))
    return "\n".join(lines)


def _fate_cells(odd: OddInput) -> Sequence[str]:
    fate = odd.fate()
    if fate in REASONS:
        return f"dead letter `{fate}`", REASONS[fate]
    return ("silver row" if fate == "silver" else "a row that marks the key as gone"), odd.note


def _reasons() -> str:
    rows = ((f"`{reason}`", meaning) for reason, meaning in REASONS.items())
    return "\n".join(
        [
            "## Reasons of dead letters\n",
            "A dead letter keeps the raw bytes, headers and position, so that it can be sent again.\n",
            _grid(("reason", "meaning"), rows),
        ]
    )


def _tables_opening() -> str:
    return (
        "Delta tables, times in UTC microseconds. Bronze and silver are append-only. Bronze is one table; "
        "`clicklake sql` has a view `bronze.<topic>` of each topic too. Every silver row names the topic, "
        "partition and offset of the bronze record it was made from. Gold is made from silver, and made "
        "anew where silver has grown.\n"
    )


def _table_section(spec: TableSpec) -> str:
    kept = f" Kept for {spec.retention_days} days." if spec.retention_days else ""
    rows = (
        (f"`{c.name}`", _type_name(c.type), "" if c.nullable else "never", c.comment) for c in spec.columns
    )
    return "\n".join(
        [
            f"### `{spec.name}`\n",
            f"{spec.grain}{kept} Unique: {', '.join(f'`{key}`' for key in spec.keys)}.\n",
            _grid(("column", "type", "null", "meaning"), rows),
        ]
    )


def _type_name(kind: DataType) -> str:
    return kind.simpleString()


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines)
