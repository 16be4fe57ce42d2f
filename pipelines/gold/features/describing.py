"""Feature sets described for people and programs."""

from typing import Any

import pyarrow as pa

from pipelines.gold.features.feature_set import FeatureSet, Output, Ttl
from pipelines.gold.features.windows import LIFETIME

_SQL_TYPES = {pa.int64(): "bigint", pa.float64(): "double", pa.string(): "string", pa.bool_(): "boolean"}
_ALL_TIME = "all"


def summary(feature_set: FeatureSet) -> dict[str, Any]:
    """The set in a line: whose features, how many columns, over what windows, kept for how long."""
    windows = [_ALL_TIME, *(window.suffix for window in feature_set.windows)]
    return {
        "set": f"{feature_set.name} v{feature_set.version}",
        "of": feature_set.entity.name,
        "by": ", ".join(feature_set.keys),
        "columns": len(feature_set.outputs),
        "windows": " ".join(windows),
        "kept": _kept(feature_set.ttl),
        "meaning": feature_set.meaning,
    }


def columns_of(feature_set: FeatureSet) -> list[dict[str, Any]]:
    """A line per feature: its column, SQL type, windows, of which each but `all` is a column of its own."""
    windows: dict[str, list[str]] = {}
    for output in feature_set.outputs:
        windows.setdefault(_feature(output), []).append(output.window.suffix or _ALL_TIME)
    outputs = {_feature(output): output for output in feature_set.outputs}
    return [
        {
            "column": name,
            "type": _SQL_TYPES[output.type],
            "windows": " ".join(windows[name]),
            "meaning": output.meaning,
        }
        for name, output in outputs.items()
    ]


def described(feature_set: FeatureSet) -> dict[str, Any]:
    """Everything about the set, as plain values; times in seconds, expiry in days."""
    return {
        "name": feature_set.name,
        "version": feature_set.version,
        "meaning": feature_set.meaning,
        "entity": feature_set.entity.name,
        "keys": list(feature_set.keys),
        "by_user": feature_set.entity.by_user,
        "reads": feature_set.reads,
        "ttl_days": feature_set.ttl.days,
        "ttl_days_after_purchase": feature_set.ttl.days_after_purchase,
        "columns": [
            {
                "name": output.name,
                "type": _SQL_TYPES[output.type],
                "window_seconds": output.window.seconds or None,
                "hop_seconds": output.window.hop or None,
                "meaning": output.meaning,
            }
            for output in feature_set.outputs
        ],
    }


def _feature(output: Output) -> str:
    return output.name if output.window is LIFETIME else output.name.removesuffix(f"_{output.window.suffix}")


def _kept(ttl: Ttl) -> str:
    after = ttl.days_after_purchase
    return f"{ttl.days:g} d" if after is None else f"{ttl.days:g} d, {after:g} d after a purchase"
