"""From the parts of many entities to the columns that a reader sees."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.aggregates import Moments
from pipelines.gold.features.aggregates.sums import quotients
from pipelines.gold.features.feature_set import Feature, FeatureSet, Ttl
from pipelines.gold.features.windows import LIFETIME, MICROS, Window

_DAY = 86_400 * MICROS


def finished(feature_set: FeatureSet, value: Callable[[Feature, Window], pa.Array]) -> pa.Table:
    """Every output column, ratios among them, of what `value` gives for each feature and window."""
    found: dict[str, pa.Array] = {}
    for window in (LIFETIME, *feature_set.windows):
        there = {one.name: value(one, window) for one in feature_set.features if window in one.windows}
        for ratio in feature_set.ratios_over(window):
            there[ratio.name] = quotients(there[ratio.above], there[ratio.below])
        found |= {window.named(name): column for name, column in there.items()}
    names = [output.name for output in feature_set.outputs]
    return pa.table(found).select(names)


def expired(ttl: Ttl, last: pa.Array, purchases: pa.Array | None, at: Moments) -> npt.NDArray[np.bool_]:
    """Which rows' last event is longer ago than the time to live; those without any are, too."""
    days = np.full(len(at), int(ttl.days * _DAY))
    if purchases is not None and ttl.days_after_purchase is not None:
        bought = pc.fill_null(purchases, 0).to_numpy(zero_copy_only=False) > 0
        days[bought] = int(ttl.days_after_purchase * _DAY)
    is_there = last.is_valid().to_numpy(zero_copy_only=False)
    lasts = pc.fill_null(last, 0).to_numpy(zero_copy_only=False)
    return np.asarray(~is_there | (at > lasts + days))
