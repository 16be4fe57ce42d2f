"""What a batch of events adds to every feature set: partials made by the workers, brought to the driver."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import TILE, folded, partial_schema, partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.spread import packed, unpacked

_PACKED = "feature_set string, partials binary"
_ARRIVED, _LINKS = "ingested_at", "links of visitors"
_ALWAYS = (_ARRIVED, "known_at", "visitor_id", "user_id")
_NO_LINKS = pa.table(
    {
        "visitor_id": pa.array([], pa.string()),
        "user_id": pa.array([], pa.string()),
        "known_at": pa.array([], pa.int64()),
    }
)


def columns_read(sets: Sequence[FeatureSet]) -> list[str]:
    """The columns of the events that the sets look at."""
    wanted = {name for one in sets for name in one.reads}
    return [name for name in EVENT.names if name in wanted]


class Added(NamedTuple):
    """What a batch adds: set → a row per entity and finest tile; and visitors with users who were named.

    `ingested_at`: when its events reached the broker.
    """

    partials: dict[str, pa.Table]
    links: pa.Table
    ingested_at: pa.Table


def batch_partials(events: DataFrame, sets: Sequence[FeatureSet]) -> Added:
    """What the events add to each set; a set that they add nothing to is not there.

    What comes to the driver is never more than the events themselves; a batch bounds it.
    """
    wanted = events.select(*dict.fromkeys([*_ALWAYS, *columns_read(sets)]))
    spread = wanted.coalesce(events.sparkSession.sparkContext.defaultParallelism)
    made = spread.mapInArrow(_packer([one.name for one in sets]), _PACKED).toArrow()
    found: dict[str, list[pa.Table]] = {}
    for name, content in zip(made["feature_set"].to_pylist(), made["partials"].to_pylist(), strict=True):
        found.setdefault(name, []).append(unpacked(content))
    arrived = found.get(_ARRIVED, [pa.schema([(_ARRIVED, pa.int64())]).empty_table()])
    partials = {one.name: _merged(one, found[one.name]) for one in sets if one.name in found}
    return Added(partials, pa.concat_tables(found.get(_LINKS, [_NO_LINKS])), pa.concat_tables(arrived))


def links_of(events: pa.Table) -> pa.Table:
    """A row per visitor and user that are named together, with the first arrival of such an event."""
    named = events.filter(pc.is_valid(events["user_id"])).select(["visitor_id", "user_id", "known_at"])
    first = named.group_by(["visitor_id", "user_id"]).aggregate([("known_at", "min")])
    return first.rename_columns({"known_at_min": "known_at"}).select(_NO_LINKS.column_names)


def _packer(names: Sequence[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def added(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = list(batches)
        if not rows:
            return
        events = pa.Table.from_batches(rows)
        sets = all_sets()
        yield _named(_ARRIVED, events.select([_ARRIVED]))
        yield _named(_LINKS, links_of(events))
        made = ((name, partials_of(sets[name], events)) for name in names)
        yield from (_named(name, partials) for name, partials in made if partials.num_rows)

    return added


def _named(name: str, rows: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"feature_set": [name], "partials": [packed(rows)]})


def _merged(feature_set: FeatureSet, parts: Sequence[pa.Table]) -> pa.Table:
    schema = partial_schema(feature_set, feature_set.parts, with_tile=True)
    if len(parts) == 1:
        return parts[0].cast(schema)
    by = [*feature_set.keys, TILE]
    return folded(pa.concat_tables(parts), by=by, parts=feature_set.parts).cast(schema)
