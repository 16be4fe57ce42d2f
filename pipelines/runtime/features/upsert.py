"""Adding a batch's partials to the online store: copied beside the tables, merged in by a statement each."""

from functools import lru_cache

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.partials import lifetimes, tiles
from pipelines.runtime.features.copying import copy_rows
from pipelines.runtime.features.layout import BATCH, Stored, listed, quoted, tables_of


def upsert(cursor: Cursor, feature_set: FeatureSet, partials: pa.Table, *, batch_id: int) -> None:
    """Merge partials, as `partials_of` gives them or several such tables one after the other, into the rows.

    Merging is not idempotent: that a batch comes once is the caller's affair, who notes it in the ledger in
    the same transaction. The set's tables must be there (`make_tables`).
    """
    if not partials.num_rows:
        return
    tables = tables_of(feature_set)
    cursor.execute("; ".join(_staging(table) for table in tables))
    for table in tables:
        rows = tiles(feature_set, partials, hop=table.hop) if table.hop else lifetimes(feature_set, partials)
        copy_rows(cursor, _staged(table), rows)
    merges = ";".join(_merge(table) for table in tables)
    cursor.execute(merges, {"batch": batch_id})


def _staged(table: Stored) -> str:
    return f"pg_temp.{quoted(table.name)}"


@lru_cache(maxsize=256)
def _staging(table: Stored) -> str:
    """A table of the session's own for the rows on their way, without those of a call before.

    They go by themselves when the transaction ends: `truncate` would write to the catalogue each time.
    """
    columns = ", ".join(table.declared(column) for column in table.columns if column.name != BATCH)
    return (
        f"create temporary table if not exists {_staged(table)} ({columns}) on commit delete rows; "
        f"delete from {_staged(table)}"
    )


@lru_cache(maxsize=256)
def _merge(table: Stored) -> str:
    names = listed((*table.row_key, *table.values))
    changes = [
        *(change for part in table.parts for change in _changes(part)),
        f"{BATCH} = greatest(stored.{BATCH}, excluded.{BATCH})",
    ]
    return (
        f"insert into {table.address} as stored ({names}, {BATCH}) "
        f"select {names}, %(batch)s from {_staged(table)} order by {listed(table.row_key)} "
        f"on conflict ({table.indexed}) do update set {', '.join(changes)}"
    )


def _changes(part: Part) -> list[str]:
    old, new = ([f"{row}.{quoted(name)}" for name in part.columns] for row in ("stored", "excluded"))
    merged = part.aggregate.monoid.sql(old, new)
    return [f"{quoted(name)} = {value}" for name, value in zip(part.columns, merged, strict=True)]
