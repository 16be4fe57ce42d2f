"""What a set's partials say at a moment: a row per entity that has not expired."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.feature_set import LAST_AT, PURCHASES, Feature, FeatureSet
from pipelines.gold.features.finishing import expired, finished
from pipelines.gold.features.partials import TILE, folded, grouped, lifetimes, tiles
from pipelines.gold.features.windows import LIFETIME, Window

LAST_EVENT = "last_event_at"


def latest(feature_set: FeatureSet, partials: pa.Table, *, at: int) -> pa.Table:
    """Keys, `last_event_at` in UTC microseconds, and every output column, at a moment in UTC microseconds."""
    whole = lifetimes(feature_set, partials)
    gone = expired(
        feature_set.ttl,
        whole[LAST_AT.name].combine_chunks(),
        whole[PURCHASES.name].combine_chunks() if PURCHASES in feature_set.expiry else None,
        np.full(whole.num_rows, at),
    )
    whole = whole.filter(pa.array(~gone))
    windows = {window: _over(feature_set, window, partials, whole, at) for window in feature_set.windows}
    moments = np.full(whole.num_rows, at)

    def value(feature: Feature, window: Window) -> pa.Array:
        rows = whole if window is LIFETIME else windows[window]
        part = next(one for one in feature_set.parts if one.feature == feature.name)
        columns = [rows[name].combine_chunks() for name in part.columns]
        return feature.aggregate.finish_rows(columns, moments)

    found = finished(feature_set, value)
    keys = {name: whole[name] for name in feature_set.keys}
    named = {name: found[name] for name in found.column_names}
    return pa.table({**keys, LAST_EVENT: whole[LAST_AT.name], **named})


def _over(feature_set: FeatureSet, window: Window, partials: pa.Table, whole: pa.Table, at: int) -> pa.Table:
    """The parts over a trailing window of each row of `whole`, in its order; null where there is none."""
    starts = window.tiles(at)
    held = tiles(feature_set, partials, hop=window.hop)
    within = pc.and_(pc.greater_equal(held[TILE], starts[0]), pc.less_equal(held[TILE], starts[-1]))
    parts = feature_set.tile_parts(window.hop)
    keys = list(feature_set.keys)
    sums = folded(held.filter(within), by=keys, parts=parts)
    places = _places(keys, sums, whole)
    return pa.table({name: sums[name].take(places) for part in parts for name in part.columns})


def _places(keys: list[str], rows: pa.Table, wanted: pa.Table) -> pa.Array:
    """Where each wanted key is among the rows; null where it is not."""
    both = pa.concat_tables([rows.select(keys), wanted.select(keys)]).combine_chunks()
    firsts, numbers = grouped(both, keys)
    found = firsts[numbers[rows.num_rows :]]
    return pa.array(found, mask=found >= rows.num_rows)
