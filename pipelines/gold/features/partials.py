"""Partials as Arrow tables: a row an entity (and tile), a column each part; made of events and folded."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.monoids import Indices
from pipelines.gold.features.windows import MICROS

TILE = "tile"
"""Start of a row's tile in UTC microseconds; 0 in sets without tiles."""


def partials_of(feature_set: FeatureSet, events: pa.Table) -> pa.Table:
    """A row per entity and finest tile of the events: keys, `tile`, every part."""
    return folded(lifted(feature_set, events), by=[*feature_set.keys, TILE], parts=feature_set.parts)


def no_partials(feature_set: FeatureSet) -> pa.Table:
    """What no events add."""
    return partial_schema(feature_set, feature_set.parts, with_tile=True).empty_table()


def lifetimes(feature_set: FeatureSet, partials: pa.Table) -> pa.Table:
    """A row per entity of the partials: keys and the parts over all its time."""
    return folded(partials, by=feature_set.keys, parts=feature_set.lifetime_parts)


def tiles(feature_set: FeatureSet, partials: pa.Table, *, hop: int) -> pa.Table:
    """A row per entity and tile of `hop` seconds: keys, `tile`, its parts."""
    coarse = floored(partials[TILE], hop)
    rows = partials.set_column(partials.column_names.index(TILE), TILE, coarse)
    return folded(rows, by=[*feature_set.keys, TILE], parts=feature_set.tile_parts(hop))


def partial_schema(feature_set: FeatureSet, parts: Sequence[Part], *, with_tile: bool) -> pa.Schema:
    """Keys, perhaps `tile`, and the parts' columns."""
    keys = [pa.field(name, pa.string()) for name in feature_set.keys]
    tile = [pa.field(TILE, pa.int64())] if with_tile else []
    return pa.schema([*keys, *tile, *(one for part in parts for one in _fields(part))])


def lifted(feature_set: FeatureSet, events: pa.Table) -> pa.Table:
    """A row per event that names its entity: keys, `tile`, the event's own elements."""
    named = events
    for key in feature_set.keys:
        named = named.filter(pc.is_valid(named[key]))
    found = {key: named[key] for key in feature_set.keys}
    found[TILE] = floored(named["occurred_at"].cast(pa.int64()), feature_set.grid)
    for part in feature_set.parts:
        rows, columns = part.aggregate.lift_rows(named)
        places = np.full(named.num_rows, -1)
        places[rows] = np.arange(len(rows))
        where = pa.array(places, mask=places < 0)
        found |= {name: column.take(where) for name, column in zip(part.columns, columns, strict=True)}
    return pa.table(found, schema=partial_schema(feature_set, feature_set.parts, with_tile=True))


def folded(rows: pa.Table, *, by: Sequence[str], parts: Sequence[Part]) -> pa.Table:
    """A row per group of the columns `by`: its rows' elements merged."""
    firsts, groups = grouped(rows, by)
    found = {name: rows[name].take(pa.array(firsts)) for name in by}
    for part in parts:
        columns = [rows[name].combine_chunks() for name in part.columns]
        merged = part.aggregate.monoid.fold_groups(columns, groups, count=len(firsts))
        found |= dict(zip(part.columns, merged, strict=True))
    return pa.table(found)


def grouped(rows: pa.Table, by: Sequence[str]) -> tuple[Indices, Indices]:
    """A row of each group, and the number of each row's group."""
    numbers = np.zeros(rows.num_rows, np.int64)
    for name in by:
        encoded = rows[name].combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        _, numbers = np.unique(numbers * max(len(encoded.dictionary), 1) + codes, return_inverse=True)
    _, firsts = np.unique(numbers, return_index=True)
    return firsts, numbers


def floored(moments: pa.ChunkedArray, hop: int) -> pa.Array:
    """The start of the tile of `hop` seconds that each moment is in; 0 without tiles."""
    values = moments.to_numpy()
    return pa.array(values // (hop * MICROS) * (hop * MICROS) if hop else np.zeros(len(values), np.int64))


def _fields(part: Part) -> list[pa.Field]:
    types = [kind for _, kind in part.aggregate.monoid.columns]
    return [pa.field(name, kind) for name, kind in zip(part.columns, types, strict=True)]
