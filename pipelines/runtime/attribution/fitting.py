"""Fitting the models that learn from paths, on the lake's history, and keeping the fits in Postgres."""

from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json
from pyspark.sql import functions as F

from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.fitted import all_fitted
from pipelines.gold.attribution.journeys import journeys_of, with_person
from pipelines.gold.attribution.path_counts import PathCounts, path_counts
from pipelines.runtime.attribution.settle import Silver

_ADD = """
insert into gold.attribution_fits (model, fit_version, fitted_at, fitted_on, weights)
values (%s, %s, clock_timestamp(), %s, %s)
on conflict (model, fit_version) do update set fitted_at = excluded.fitted_at
"""


def fit_models(connection: Connection, silver: Silver, *, days: int | None) -> dict[str, int]:
    """Fit every model on the journeys of the last days (none: all); model → fit version.

    Nothing is fitted before the first touch. The same journeys give the same version again.
    """
    counts = _path_counts(silver, days)
    if not len(counts):
        return {}
    seen = {
        "distinct_paths": len(counts),
        "conversions": int(counts.conversions.sum()),
        "non_conversions": int(counts.non_conversions.sum()),
        "days": days,
    }
    fits = [model.fit(counts) for model in all_fitted().values()]
    with connection, connection.cursor() as cursor:
        for fit in fits:
            cursor.execute(_ADD, (fit.model, fit.fit_version, Json(_fitted_on(fit, seen)), Json(fit.weights)))
    return {fit.model: fit.fit_version for fit in fits}


def _fitted_on(fit: Fit, seen: dict[str, Any]) -> dict[str, Any]:
    return seen | {"parameters": dict(all_fitted()[fit.model].parameters)}


def _path_counts(silver: Silver, days: int | None) -> PathCounts:
    """The journeys, counted. Each counts once: what it earned says nothing of the sources' weights."""
    touches = silver.touches
    newest = touches.agg(F.max("occurred_at")).first()
    if days is not None and newest is not None and newest[0] is not None:
        touches = touches.where(F.col("occurred_at") >= F.lit(newest[0] - timedelta(days=days)))
    made = with_person(silver.made_since(days), silver.owners)
    journeys = journeys_of(made, with_person(touches, silver.owners))
    grouped = journeys.groupBy("sources").agg(
        F.sum("conversions").alias("conversions"),
        F.sum(F.lit(1) - F.col("conversions")).alias("non_conversions"),
    )
    rows = grouped.select("sources", "conversions", "non_conversions", F.lit(0).cast("bigint").alias("value"))
    table = rows.toArrow().combine_chunks()
    columns = [
        table[name].combine_chunks() for name in ("sources", "conversions", "non_conversions", "value")
    ]
    paths, conversions, non_conversions, value = columns
    return path_counts(paths, conversions=conversions, non_conversions=non_conversions, value_minor=value)
