"""The Delta tables of a feature set, declared from its definition."""

from typing import NamedTuple

import msgspec
import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_type

from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.positions import Vector, nested
from pipelines.contracts.tables import BOOLEAN, DATE, LONG, STRING, TIMESTAMP, Column, TableSpec
from pipelines.gold.features.feature_set import FeatureSet, Output, Part
from pipelines.gold.features.partials import TILE

BATCH, POSITIONS, EXACT = "batch_id", "positions", "is_exact"


def partials_table(feature_set: FeatureSet) -> TableSpec:
    """`gold.features_<set>_partials`: what each batch adds, and older batches rolled up."""
    parts = [column for part in feature_set.parts for column in _columns(part)]
    return TableSpec(
        name=f"gold.features_{feature_set.name}_v{feature_set.version}_partials",
        grain=f"One row per batch, {feature_set.entity.name} and finest tile: what the batch adds.",
        keys=(*feature_set.keys, TILE, BATCH),
        columns=(
            *(
                Column(key, STRING, f"of the {feature_set.entity.name}", nullable=False)
                for key in feature_set.keys
            ),
            Column(
                TILE, LONG, "start of the finest tile in UTC microseconds; 0 without tiles", nullable=False
            ),
            Column(BATCH, LONG, "the batch of update_features that covers the row's events", nullable=False),
            Column(
                POSITIONS, STRING, "next offset by topic and partition that the batch covers", nullable=False
            ),
            Column(EXACT, BOOLEAN, "whether it covers that and nothing beyond", nullable=False),
            *parts,
        ),
        skipping=(BATCH, TILE, feature_set.keys[0]),
    )


def carried_table(feature_set: FeatureSet) -> TableSpec:
    """`gold.features_<set>_carried`: all that was known before a midnight, as partials."""
    name = feature_set.entity.name
    return TableSpec(
        name=f"gold.features_{feature_set.name}_v{feature_set.version}_carried",
        grain=f"One row per {name} and finest tile: what was known before the newest midnight carried to.",
        keys=(*feature_set.keys, TILE),
        columns=(
            *(Column(key, STRING, f"of the {name}", nullable=False) for key in feature_set.keys),
            Column(
                TILE,
                LONG,
                "start of the finest tile, UTC microseconds; 0 without tiles, and where no window reaches",
                nullable=False,
            ),
            *(column for part in feature_set.parts for column in _columns(part)),
        ),
        skipping=(feature_set.keys[0],),
    )


class Stamp(NamedTuple):
    """The batch that adds rows, what it covers, and whether that is exact."""

    batch_id: int
    positions: Vector
    is_exact: bool

    @property
    def columns(self) -> dict[str, int | str | bool]:
        """Its columns."""
        covered = msgspec.json.encode(nested(self.positions)).decode()
        return {BATCH: self.batch_id, POSITIONS: covered, EXACT: self.is_exact}


def stamped(partials: pa.Table, spec: TableSpec, stamp: Stamp) -> pa.Table:
    """Rows of the table: partials with the batch that adds them."""
    same = {name: pa.repeat(value, partials.num_rows) for name, value in stamp.columns.items()}
    rows = {name: same[name] if name in same else partials[name] for name in spec.column_names}
    return pa.table(rows, schema=arrow_schema(spec))


def _columns(part: Part) -> list[Column]:
    types: list[pa.DataType] = [kind for _, kind in part.aggregate.monoid.columns]
    return [
        Column(name, from_arrow_type(kind), f"partial of {part.feature}")
        for name, kind in zip(part.columns, types, strict=True)
    ]


def inference_table(feature_set: FeatureSet) -> TableSpec:
    """`gold.features_<set>_inference`: every entity that lives, as it was when the table was made."""
    name = feature_set.entity.name
    return TableSpec(
        name=f"gold.features_{feature_set.name}_v{feature_set.version}_inference",
        grain=f"One row per {name} that has not expired.",
        keys=feature_set.keys,
        columns=(
            *(Column(key, STRING, f"of the {name}", nullable=False) for key in feature_set.keys),
            Column("at", TIMESTAMP, "the moment of the values", nullable=False),
            Column("last_event_at", TIMESTAMP, "time of the last event", nullable=False),
            Column(BATCH, LONG, "the batch of update_features that they cover", nullable=False),
            Column(POSITIONS, STRING, "next offset by topic and partition that it covers", nullable=False),
            *(_output(one) for one in feature_set.outputs),
        ),
        skipping=(feature_set.keys[0],),
    )


def snapshots_table(feature_set: FeatureSet) -> TableSpec:
    """`gold.features_<set>_snapshots`: every entity that lived at each midnight."""
    name = feature_set.entity.name
    return TableSpec(
        name=f"gold.features_{feature_set.name}_v{feature_set.version}_snapshots",
        grain=f"One row per day and {name} that had not expired at the midnight that ends it.",
        keys=("day", *feature_set.keys),
        columns=(
            Column("day", DATE, "the day that ended, UTC", nullable=False),
            *(Column(key, STRING, f"of the {name}", nullable=False) for key in feature_set.keys),
            Column("last_event_at", TIMESTAMP, "time of the last event before midnight", nullable=False),
            *(_output(one) for one in feature_set.outputs),
        ),
        partitions=("day",),
        skipping=(feature_set.keys[0],),
    )


def _output(output: Output) -> Column:
    return Column(output.name, from_arrow_type(output.type), output.meaning)
