"""What a select gives, held against the topic's contract, and the SQL that turns it into records."""

from difflib import get_close_matches
from typing import Any

from pipelines.connectors.mapping.database import literal, quoted
from pipelines.connectors.mapping.spec import Mapping, Output, Select
from pipelines.contracts.fields import Field
from pipelines.contracts.topic import PROPERTIES, TopicSpec
from pipelines.contracts.topics import all_topics
from pipelines.errors import MappingError

ROW = "_row"
KNOWN_AT = "known_at"
LINES = "lines"
_ISO_FORMAT = "'%Y-%m-%dT%H:%M:%S.%fZ'"
_ISO_TEXT = (
    r"'[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?'"
)
_LATEST_MS = 253_402_300_799_999
_INTEGERS = ("tinyint", "smallint", "integer", "bigint", "hugeint")
_KINDS: dict[str, str] = {
    **dict.fromkeys([*_INTEGERS, *(f"u{name}" for name in _INTEGERS)], "integer"),
    **dict.fromkeys(["timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "date"], "timestamp"),
    "timestamp with time zone": "timestamptz",
    "varchar": "text",
    "uuid": "text",
    "boolean": "boolean",
    "null": "null",
    "struct": "object",
    "map": "object",
    "list": "list",
}
_TAKES: dict[str, tuple[str, ...]] = {
    "id": ("text", "integer", "json"),
    "text": ("text", "json"),
    "currency": ("text", "json"),
    "time": ("text", "integer", "timestamp", "timestamptz"),
    "integer": ("integer", "text", "json"),
    "number": ("double", "integer", "text", "json"),
    "money": ("integer", "text", "json"),
    "boolean": ("boolean", "text", "json"),
}
_ADVICE = {
    "money": "give whole minor units: minor_units(price) is exact",
    "integer": "cast it to bigint, or use whole_number(text)",
    "time": "give a timestamp in UTC, ISO 8601 text, or epoch milliseconds as a bigint",
}


def kind_of(sql_type: Any) -> str:
    """The kind of a DuckDB type: text, integer, timestamp, timestamptz, boolean, json, object, list, null."""
    return "json" if str(sql_type) == "JSON" else _KINDS.get(sql_type.id, str(sql_type))


def bind_outputs(
    mapping: Mapping, select: Select, columns: list[str], types: list[Any]
) -> tuple[Output, ...]:
    """The columns of a bound select. Raises `MappingError` for one that the topic cannot take."""
    where = mapping.place(select)
    topic = all_topics().get(select.topic)
    if topic is None:
        raise MappingError(f"{where}: the topics are {', '.join(all_topics())}.")
    fields = {field.name: field for field in topic.fields}
    special = [ROW, KNOWN_AT, PROPERTIES, *([LINES] if topic.lines else [])]
    for name, sql_type in zip(columns, types, strict=True):
        if name in fields:
            _check_kind(where, fields[name], sql_type)
        elif name == LINES and topic.lines:
            _check_lines(where, topic, sql_type)
        elif name == PROPERTIES and kind_of(sql_type) not in ("object", "json", "null"):
            raise MappingError(f"{where}: `properties` is {sql_type}; give a struct, a map or JSON.")
        elif name not in special:
            raise MappingError(f"{where}: {_unknown(name, [*fields, *special], topic)}")
    required = [ROW, *(field.name for field in topic.fields if field.required)]
    missing = [name for name in [*required, *([LINES] if topic.lines else [])] if name not in columns]
    if missing:
        raise MappingError(f"{where}: it does not give {', '.join(f'`{name}`' for name in missing)}.")
    return tuple(Output(name, kind_of(kind)) for name, kind in zip(columns, types, strict=True))


def _check_kind(where: str, field: Field, sql_type: Any) -> None:
    if kind_of(sql_type) not in (*_TAKES[field.kind], "null"):
        advice = _ADVICE.get(field.kind, "cast it to varchar")
        raise MappingError(f"{where}: `{field.name}` is {sql_type}, but the field is {field.kind}; {advice}.")


def _check_lines(where: str, topic: TopicSpec, sql_type: Any) -> None:
    fields = {field.name: field for field in topic.lines}
    element = sql_type.children[0][1] if kind_of(sql_type) == "list" else sql_type
    if kind_of(element) in ("json", "null"):
        return
    if element is sql_type or element.id != "struct":
        raise MappingError(f"{where}: `lines` is {sql_type}; give a list of structs, or JSON.")
    for name, kind in element.children:
        if name not in fields:
            raise MappingError(f"{where}, in `lines`: {_unknown(name, list(fields), topic)}")
        _check_kind(f"{where}, in `lines`", fields[name], kind)


def _unknown(name: str, known: list[str], topic: TopicSpec) -> str:
    near = get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean `{near[0]}`? If not, put it" if near else "put it"
    return f"`{name}` is not a field of {topic.name}; {hint} into `properties`, as in {{{name}: ...}}."


def record_sql(select: Select, *, number: int, shift_micros: int) -> str:
    """A query of the select's records: `_select, _row, _at, _known, _key, _id, _value, _known_at`.

    `_at` and `_known` are UTC microseconds after the shift, null where the value is no time.
    """
    topic = all_topics()[select.topic]
    kinds = {output.name: output.kind for output in select.outputs}
    times = {field.name for field in topic.fields if field.kind == "time"} | {KNOWN_AT}
    at = _moment("occurred_at", kinds["occurred_at"], shift_micros)
    known = _moment(KNOWN_AT, kinds[KNOWN_AT], shift_micros) if KNOWN_AT in kinds else "null::timestamp"
    known_text = _time_text(KNOWN_AT, kinds[KNOWN_AT], shift_micros) if KNOWN_AT in kinds else "null"
    key = f"{topic.key} ->> '$'" if kinds[topic.key] == "json" else f"{topic.key}::varchar"
    event_id = "event_id::varchar" if "event_id" in kinds else "null"
    members = [
        f"{literal(name)}, {_value(name, kind, times, shift_micros)}"
        for name, kind in kinds.items()
        if name not in (ROW, KNOWN_AT)
    ]
    record = f"json_merge_patch('{{}}', json_object({', '.join(members)}))"
    return (
        f"select {number} as _select, _row, epoch_us({at}) as _at, epoch_us({known}) as _known, "
        f"{key} as _key, {event_id} as _id, {record}::varchar as _value, "
        f"({known_text}) ->> '$' as _known_at from (\n{select.sql}\n) as mapped"
    )


def _value(name: str, kind: str, times: set[str], shift_micros: int) -> str:
    if name in times:
        return _time_text(name, kind, shift_micros)
    if name == LINES and kind == "list":
        return f"list_transform({LINES}, lambda line: json_merge_patch('{{}}', to_json(line)))"
    if name == PROPERTIES:
        return f"nullif(json_merge_patch('{{}}', to_json({PROPERTIES}))::varchar, '{{}}')::json"
    return quoted(name)


def _moment(name: str, kind: str, shift_micros: int) -> str:
    """The value as a timestamp after the shift; null where it is no time that the parser takes."""
    if kind == "timestamp":
        moment = f"{name}::timestamp"
    elif kind == "timestamptz":
        moment = f"{name} at time zone 'UTC'"
    elif kind == "integer":
        moment = f"make_timestamp(case when {name} between 0 and {_LATEST_MS} then {name}::bigint * 1000 end)"
    elif kind == "text":
        text = f"case when regexp_full_match({name}::varchar, {_ISO_TEXT}) then {name}::varchar end"
        moment = f"try_cast({text} as timestamptz) at time zone 'UTC'"
    else:
        return "null::timestamp"
    return f"({moment}) + to_microseconds({shift_micros})" if shift_micros else moment


def _time_text(name: str, kind: str, shift_micros: int) -> str:
    """The value as JSON: an ISO text for timestamps; texts and numbers as given unless shifted."""
    if kind in ("text", "integer", "null") and not shift_micros:
        return f"to_json({name})"
    iso = f"strftime({_moment(name, kind, shift_micros)}, {_ISO_FORMAT})"
    return f"coalesce(to_json({iso}), to_json({name}))"
