"""The Delta tables of a feature set, declared from its definition."""

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_type

from pipelines.contracts.tables import LONG, STRING, Column, TableSpec
from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.partials import TILE

BATCH, POSITIONS = "batch_id", "positions"


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
            *parts,
        ),
        skipping=(BATCH, TILE, feature_set.keys[0]),
    )


def _columns(part: Part) -> list[Column]:
    types: list[pa.DataType] = [kind for _, kind in part.aggregate.monoid.columns]
    return [
        Column(name, from_arrow_type(kind), f"partial of {part.feature}")
        for name, kind in zip(part.columns, types, strict=True)
    ]
