"""From parsed records and a verdict to the rows of each silver table, as Arrow. No Spark in here."""

from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import DEAD_LETTERS, DUPLICATES, IDENTITIES, POSITION_KEY
from pipelines.contracts.tables import TableSpec
from pipelines.silver.deduplication import HOUR, Verdict
from pipelines.silver.keyed_batch import Position


def duplicate_rows(envelope: pa.Table, verdict: Verdict) -> pa.Table:
    """Rows of `silver.duplicates`: one per id of a position that repeats an earlier one."""
    found = _rows_at(envelope.filter(pc.is_valid(envelope["record_key"])), verdict.repeats)
    repeated = [verdict.repeats[position] for position in _positions(found)]
    return _table(DUPLICATES, found, record_table=found["table"], repeats_offset=repeated)


def identity_rows(envelope: pa.Table, verdict: Verdict) -> pa.Table:
    """Rows of `silver.identities`: one per position and pair of visitor and user named for the first time."""
    linked = envelope.filter(pc.is_valid(envelope["link_key"]))
    linked = _rows_at(linked, {position for position, _ in verdict.links})
    links = list(zip(_positions(linked), linked["link_key"].to_pylist(), strict=True))
    found = _firsts(linked, links, wanted=verdict.links)
    seen_at = pc.cast(found["ingested_at"], pa.int64()).to_numpy()
    hours = pa.array(seen_at // HOUR * HOUR, found.schema.field("ingested_at").type)
    return _table(IDENTITIES, found, seen_hour=hours)


def conflict_letters(raw: pa.Table, verdict: Verdict) -> pa.Table:
    """Rows of `silver.dead_letters` of the records in conflict, given their bronze records."""
    details = [f"offset {verdict.conflicts[position]} has other content" for position in _positions(raw)]
    return _table(
        DEAD_LETTERS,
        raw,
        stage=["deduplicate"] * len(details),
        reason=["conflicting_id"] * len(details),
        field=["event_id"] * len(details),
        detail=details,
    )


def drop_rows(rows: pa.Table, positions: set[Position]) -> pa.Table:
    """The rows that lie at none of the positions."""
    return rows.take(_indices(rows, positions, "left anti")) if positions else rows


def positions_table(positions: Iterable[Position]) -> pa.Table:
    """The positions as rows `topic, partition, offset`."""
    columns = zip(*sorted(positions), strict=True)
    types = (pa.string(), pa.int32(), pa.int64())
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    return pa.table(arrays, names=list(POSITION_KEY))


def _rows_at(rows: pa.Table, positions: Iterable[Position]) -> pa.Table:
    """The rows at one of the positions, by table: the order within a message is not known here."""
    wanted = set(positions)
    if not wanted:
        return rows.slice(0, 0)
    return rows.take(_indices(rows, wanted, "left semi")).sort_by("table")


def _firsts(rows: pa.Table, keys: Sequence[Any], *, wanted: Container[Any] | None = None) -> pa.Table:
    """The first row of each key, of the wanted ones only where these are named."""
    firsts: dict[Any, int] = {}
    for index, key in enumerate(keys):
        if wanted is None or key in wanted:
            firsts.setdefault(key, index)
    return rows.take(pa.array(firsts.values(), pa.int64()))


def _indices(rows: pa.Table, positions: set[Position], join: str) -> pa.Array:
    """Indices of the rows that lie at the positions, or do not, in their order."""
    places = rows.select(list(POSITION_KEY)).append_column("index", pa.array(np.arange(rows.num_rows)))
    joined = places.join(positions_table(positions), keys=list(POSITION_KEY), join_type=join)
    return pa.array(np.sort(joined["index"].to_numpy()))


def _positions(rows: pa.Table) -> list[Position]:
    columns = (rows[name].to_pylist() for name in POSITION_KEY)
    return list(zip(*columns, strict=True))


def _table(spec: TableSpec, found: pa.Table, **columns: Any) -> pa.Table:
    """The found rows in the spec's columns, those given by name added."""
    schema = arrow_schema(spec)
    arrays = [columns[name] if name in columns else found[name] for name in schema.names]
    return pa.table(
        [
            pa.array(values, column.type) if isinstance(values, list) else values.cast(column.type)
            for values, column in zip(arrays, schema, strict=True)
        ],
        schema=schema,
    )
