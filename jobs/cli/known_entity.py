"""How `clicklake features show` tells what is known of an entity."""

from collections.abc import Sequence
from typing import Any

from jobs.cli.queries import age
from pipelines.contracts.clock import moment
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.windows import LIFETIME, MICROS
from pipelines.runtime.features.known import About, Batch, Known

Row = dict[str, Any]
_ALL_TIME = "all"


def as_data(asked: About, key: Sequence[str], known: Sequence[Known], at: int) -> Row:
    """Everything, as plain values; times in ISO 8601."""
    return {
        "entity": asked.name,
        "key": dict(zip(asked.keys, key, strict=True)),
        "at": moment(at).isoformat(),
        "sets": {one.feature_set.name: _set_as_data(one) for one in known},
    }


def batch_as_data(batch: Batch | None) -> Row | None:
    """The batch as plain values."""
    if batch is None:
        return None
    return {
        "batch_id": batch.batch_id,
        "committed_at": batch.committed_at.isoformat(),
        "age_seconds": round(batch.age_seconds, 3),
        "is_exact": batch.is_exact,
    }


def _set_as_data(one: Known) -> Row:
    last = one.last_event_at
    return {
        "version": one.feature_set.version,
        "last_event_at": None if last is None else moment(last).isoformat(),
        "is_expired": one.is_expired,
        "values": one.values,
    }


def heading(one: Known) -> str:
    """The set, and how long ago the entity was last heard of."""
    last = one.last_event_at
    name = f"{one.feature_set.name} v{one.feature_set.version}"
    if last is None:
        return f"{name}: nothing is known."
    ago = age((one.at - last) / MICROS)
    seen = f"{name}: last event {moment(last):%Y-%m-%d %H:%M:%S} UTC, {ago} before"
    return f"{seen}; it has expired, and reads as never seen." if one.is_expired else f"{seen}."


def rows_of(one: Known) -> list[Row]:
    """A row per feature and a column per window."""
    windows = (LIFETIME, *one.feature_set.windows)
    values, meanings = one.values, _meanings(one.feature_set)
    return [
        {
            "feature": feature,
            **{w.suffix or _ALL_TIME: _text(values, w.named(feature)) for w in windows},
            "meaning": meaning,
        }
        for feature, meaning in meanings.items()
    ]


def _meanings(feature_set: FeatureSet) -> dict[str, str]:
    features = {one.name: one.meaning for one in feature_set.features}
    return features | {one.name: one.meaning for one in feature_set.ratios}


def _text(values: Row, column: str) -> str:
    """The value; nothing where the feature has no such window."""
    return _shown(values[column]) if column in values else ""


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def source(batch: Batch | None) -> str:
    """What the values rest on."""
    if batch is None:
        return "The online store has had no batch yet."
    exact = "" if batch.is_exact else ", which ended within a commit of silver"
    return f"Online store, batch {batch.batch_id}{exact}, {age(batch.age_seconds)} old."
