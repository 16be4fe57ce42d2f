"""Values of many feature sets for the rows of a spine, on Spark: each row sees only what was there.

Rows that share a key meet in one partition, as Arrow tables, where `values_at` does the work. Sets of a
visitor (and of its sessions, its products) share one shuffle; sets of another key have one each, through
which the rows of the spine go with the values that they have by then. So rows are never joined.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_type

from pipelines.errors import SettingsError
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.history import values_at
from pipelines.gold.features.linking import OWNER, owned_events, owned_spine
from pipelines.gold.features.packing import PACKED, TARGET, packer, packs, unpacked
from pipelines.gold.features.partials import partial_schema

ROW_ID = "row_id"
ROWS_A_PARTITION = 1_000_000
"""Events that one worker holds at a time, some hundred MB; what has one key stays together."""
_VISITOR = "visitor_id"
_MOMENTS = ("at", "seen_at", "event_id")
_EVENTS, _ROWS, _CARRIED = "events", "rows", "carried "

Batches = Iterable[pa.RecordBatch]


class Pass(NamedTuple):
    """The sets whose rows meet by one column, and the column of the spine that says where."""

    by: str
    sets: tuple[FeatureSet, ...]
    target: str

    @property
    def schema(self) -> pa.Schema:
        """What of the events takes part."""
        wanted = {name for one in self.sets for name in one.reads}
        owner = [pa.field(OWNER, pa.string())] if self.by == OWNER else []
        fields = [EVENT.field(name) for name in EVENT.names if name in wanted]
        return pa.schema([*fields, pa.field("visible_at", pa.int64()), *owner])


def training_values(
    events: DataFrame,
    spine: DataFrame,
    sets: Sequence[FeatureSet],
    *,
    partitions: int,
    links: DataFrame | None = None,
    carried: Mapping[str, DataFrame] | None = None,
) -> DataFrame:
    """A row per row of the spine: `row_id`, and `<set>__<output>` for every output of every set.

    `events`: the columns of `EVENT` that the sets read, and `visible_at`. `spine`: row_id (never looked
    at), every key of the sets, `at`, `seen_at`, `event_id`; for sets read by user, user_id. What is seen
    is said in `values_at`. `links`: visitor_id, user_id, `visible_at`, each pair once; without them sets
    read by user are read by visitor. `partitions`: one for about `ROWS_A_PARTITION` events. `carried`: by
    name of a set the partials of more events, all from before the spine's rows, which are then not among
    `events`: keys, `tile`, the parts' columns, `visible_at`, a moment that no row is before. Raises
    `SettingsError` when no set is named, or when partials are carried for some of the sets only.
    """
    if not sets:
        raise SettingsError("training values: name at least one feature set.")
    carried = carried or {}
    if carried and (missing := [one.name for one in sets if one.name not in carried]):
        raise SettingsError(
            f"training values: nothing is carried for {', '.join(missing)}; carry all or none."
        )
    passes = _passes(sets, by_user=links is not None)
    if links is not None and passes[-1].by == OWNER:
        spine = owned_spine(spine, links)
    packed = _packed_rows(spine, passes, partitions)
    for one, following in zip(passes, [*passes[1:], None], strict=True):
        owned = links if one.by == OWNER else None
        met = _packed_events(_owned(events, owned), one, partitions).unionByName(packed)
        for each in one.sets if carried else ():
            rows = _owned(carried[each.name], owned)
            met = met.unionByName(_packed_carried(rows, one, each, partitions))
        schema = PACKED if following else _schema(spine, sets)
        worker = _worker(one, following, [field.name for field in _outputs(sets)])
        packed = met.repartitionById(partitions, "target").mapInArrow(worker, schema)
    return packed


def _passes(sets: Sequence[FeatureSet], *, by_user: bool) -> list[Pass]:
    """Sets by the column that their rows meet by, those that are read by user at the end."""
    found: dict[str, list[FeatureSet]] = {}
    for one in sets:
        owned = by_user and one.entity.by_user
        found.setdefault(OWNER if owned else _route(one), []).append(one)
    # Values travel on through the passes that follow: the pass with the most comes last.
    ordered = sorted(found, key=lambda by: (by == OWNER, sum(len(one.outputs) for one in found[by])))
    return [Pass(by, tuple(found[by]), f"_target_{number}") for number, by in enumerate(ordered)]


def _route(feature_set: FeatureSet) -> str:
    return _VISITOR if _VISITOR in feature_set.keys else feature_set.keys[0]


def _packed_rows(spine: DataFrame, passes: Sequence[Pass], partitions: int) -> DataFrame:
    keys = {key for one in passes for each in one.sets for key in each.keys} | {one.by for one in passes}
    # Rows without a key go anywhere, not all to one place.
    targets = [
        _target(F.coalesce(one.by, F.col(ROW_ID).cast("string")), partitions).alias(one.target)
        for one in passes
    ]
    rows = spine.select(ROW_ID, *sorted(keys), *_MOMENTS, *targets)
    return rows.withColumn(TARGET, F.col(passes[0].target)).mapInArrow(packer(_ROWS), PACKED)


def _packed_events(events: DataFrame, one: Pass, partitions: int) -> DataFrame:
    there = events.where(F.col(one.by).isNotNull())
    rows = there.select(*one.schema.names, _target(F.col(one.by), partitions).alias(TARGET))
    return rows.mapInArrow(packer(_EVENTS), PACKED)


def _packed_carried(rows: DataFrame, one: Pass, each: FeatureSet, partitions: int) -> DataFrame:
    names = [*partial_schema(each, each.parts, with_tile=True).names, "visible_at"]
    columns = dict.fromkeys([*names, OWNER] if one.by == OWNER else names)
    packed = rows.select(*columns, _target(F.col(one.by), partitions).alias(TARGET))
    return packed.mapInArrow(packer(_CARRIED + each.name), PACKED)


def _owned(rows: DataFrame, links: DataFrame | None) -> DataFrame:
    return rows if links is None else owned_events(rows, links)


def _target(key: Column, partitions: int) -> Column:
    return F.pmod(F.xxhash64(key), F.lit(partitions)).cast("int")


def _worker(
    one: Pass, following: Pass | None, outputs: list[str]
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """For mapInArrow on a partition's packs: its rows with the pass's values, packed for the next pass."""

    def work(batches: Batches) -> Iterator[pa.RecordBatch]:
        there = unpacked(batches)
        if _ROWS not in there:
            return
        rows = _with_values(one, there)
        if following is None:
            yield from rows.select([ROW_ID, *outputs]).to_batches()
        else:
            yield from packs(_ROWS, rows, rows[following.target].to_numpy())

    return work


def _with_values(one: Pass, there: Mapping[str, pa.Table]) -> pa.Table:
    rows = spine = there[_ROWS]
    events = _of_owner(there.get(_EVENTS, one.schema.empty_table()))
    if one.by == OWNER:
        moments = pc.multiply(rows["seen_at"], 2)
        spine = _of_owner(rows.drop_columns(["seen_at"]))
        spine = spine.append_column("seen_at", moments)
    for each in one.sets:
        carried = there.get(_CARRIED + each.name)
        values = values_at(
            each,
            events.select([*each.reads, "visible_at"]),
            spine,
            None if carried is None else _of_owner(carried),
        )
        for name in values.column_names:
            rows = rows.append_column(f"{each.name}__{name}", values[name])
    return rows


def _of_owner(rows: pa.Table) -> pa.Table:
    """Rows that have an owner, as those of a visitor of that name."""
    if OWNER not in rows.column_names:
        return rows
    return rows.drop_columns([_VISITOR]).rename_columns({OWNER: _VISITOR})


def _outputs(sets: Sequence[FeatureSet]) -> list[pa.Field]:
    return [pa.field(f"{one.name}__{output.name}", output.type) for one in sets for output in one.outputs]


def _schema(spine: DataFrame, sets: Sequence[FeatureSet]) -> T.StructType:
    found = [T.StructField(field.name, from_arrow_type(field.type)) for field in _outputs(sets)]
    return T.StructType([spine.schema[ROW_ID], *found])
