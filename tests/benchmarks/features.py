"""How fast every feature set is kept up to date, beside Spark's own state for one set.

Batches of events reach silver one by one; the time is Spark's own of each batch, from its trigger to its
commit, after a warm-up. clicklake keeps all its sets in the lake and in Postgres; `applyInPandasWithState`
and `transformWithState` keep the counts and sums of one and write them nowhere. `ratio` compares events
times sets a second with the better of the two. `growth` is the time of a batch with ten times as many
entities in the store over that with few. The last line printed is one JSON object.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.gold.features.event import of_tables
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.embedded import Endpoints, ensure_jars, running_stack
from pipelines.runtime.features.tables import empty_tables, make_tables
from pipelines.runtime.features.upsert import upsert
from pipelines.runtime.streams.queries.update_features import update_features
from pipelines.runtime.streams.session import open_session
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import start_stream
from tests.benchmarks.feature_data import Feed, as_feature_events
from tests.benchmarks.grouped_state import by_group_state, by_transform_with_state
from tests.benchmarks.ingest import Bench, tell

_BATCH_SECONDS = 120
_CHUNK = 20_000


class _Silent:
    def record(self, report: Any) -> None:
        """Forget it."""


def batch_seconds(feed: Feed, start: Callable[[], Any], *, sizes: list[int], warm_up: int) -> list[float]:
    """Seconds of each batch after the warm-up, each of so many events."""
    query = start()
    taken: list[float] = []
    for number, size in enumerate([*(sizes[:1] * warm_up), *sizes]):
        feed.commit(size)
        deadline = time.monotonic() + _BATCH_SECONDS
        while len(done := _batches(query)) <= number:
            if query.exception() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the query did not take batch {number}: {query.exception()}")
            time.sleep(0.05)
        taken.append(done[number]["durationMs"]["triggerExecution"] / 1000)
    query.stop()
    return taken[warm_up:]


def _batches(query: Any) -> list[Any]:
    return [one for one in query.recentProgress if one["numInputRows"]]


def ours(spark: SparkSession, names: Names, services: Any, bench: Bench) -> Callable[[], Any]:
    """A start of `update_features` over the lake of these names."""
    site = Site(spark, bench.settings, names, services, None)  # type: ignore[arg-type] - the query reads no records

    def start() -> Any:
        return start_stream(spark, update_features(site), names, _Silent(), available_now=False).query  # type: ignore[arg-type]

    return start


def theirs(spark: SparkSession, names: Names, way: Callable[[DataFrame], DataFrame]) -> Callable[[], Any]:
    """A start of one of Spark's own ways over the same events."""

    def start() -> Any:
        events = of_tables(
            {"silver.events": spark.readStream.format("delta").load(names.table("silver.events"))}
        )
        writer = way(events.select("visitor_id", "kind", "price_minor", "occurred_at")).writeStream.format(
            "noop"
        )
        checkpoint = names.checkpoint(way.__name__)
        return writer.option("checkpointLocation", checkpoint).outputMode("update").start()

    return start


def fill(feed: Feed, address: PostgresAddress, *, entities: int) -> None:
    """Put events of so many visitors into the store, empty before."""
    tell(f"filling the store with events of {entities:,} visitors")
    with connect(address) as connection, connection.cursor() as cursor:
        migrate(connection)
        cursor.execute("truncate ops.ledger, features.batches, features.links, features.sets")
        for one in all_sets().values():
            make_tables(cursor, one)
            empty_tables(cursor, one)
        for _ in range(0, entities, _CHUNK):
            events = as_feature_events(feed.rows(_CHUNK))
            for one in all_sets().values():
                upsert(cursor, one, partials_of(one, events), batch_id=-1)
            connection.commit()
        connection.commit()
        connection.autocommit = True
        cursor.execute("vacuum analyze")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=20_000, help="in the small store")
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--events", type=int, default=5_000, help="of a batch")
    options = parser.parse_args()
    sizes = [options.events] * options.batches
    with tempfile.TemporaryDirectory(prefix="clicklake-bench-") as folder:
        bench = Bench(Path(folder))
        ensure_jars("spark", names=bench.names)
        with running_stack(bench.settings, names=bench.names) as services:
            spark = open_session(bench.settings, bench.names, app="bench")
            figures = measured(spark, bench, services, sizes=sizes, visitors=options.visitors)
            spark.stop()
    sys.stdout.write(json.dumps(figures) + "\n")


def measured(
    spark: SparkSession, bench: Bench, services: Endpoints, *, sizes: list[int], visitors: int
) -> dict[str, float]:
    """All figures."""
    times: dict[str, list[float]] = {}
    for name, count in (("small", visitors), ("large", 10 * visitors)):
        names = Names.of(var_dir=str(bench.names.var_dir), lake=str(bench.names.var_dir / name))
        feed = Feed(names, visitors=count)
        fill(feed, services.postgres.address(), entities=count)
        tell(f"every set, {len(sizes)} batches, the {name} store")
        times[name] = batch_seconds(feed, ours(spark, names, services, bench), sizes=sizes, warm_up=5)
    for way in (by_group_state, by_transform_with_state):
        names = Names.of(var_dir=str(bench.names.var_dir), lake=str(bench.names.var_dir / way.__name__))
        feed = Feed(names, visitors=visitors)
        tell(f"one set, {way.__name__}")
        times[way.__name__] = batch_seconds(feed, theirs(spark, names, way), sizes=sizes, warm_up=5)
    speed = {name: sum(sizes) / sum(taken) for name, taken in times.items()}
    sets = len(all_sets())
    best = max(speed[by_group_state.__name__], speed[by_transform_with_state.__name__])
    return {
        "sets": sets,
        "event_sets_per_s": round(speed["small"] * sets),
        "group_state_events_per_s": round(speed[by_group_state.__name__]),
        "tws_events_per_s": round(speed[by_transform_with_state.__name__]),
        "ratio": round(speed["small"] * sets / best, 1),
        "batch_s_small_table": round(median(times["small"]), 3),
        "batch_s_10x_table": round(median(times["large"]), 3),
        "growth": round(median(times["large"]) / median(times["small"]), 2),
    }


if __name__ == "__main__":
    main()
