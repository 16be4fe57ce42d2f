"""What carrying features saves: a day's training frame and a day's carry, beside all history read anew.

A simulated shop's days are loaded as history with their arrivals. The sets are carried to the midnight
before the last one, then to the last; a frame of the last day's cart events on the clock `known` is made
from what is carried, and again from everything, and both are compared. The last line printed is one JSON
object: seconds, and how many times as long everything takes.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.names import Names
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.carrying import carry
from pipelines.runtime.features.training_frame import training_frame
from pipelines.runtime.feeds.arrival_times import with_arrivals
from pipelines.runtime.streams.session import open_session
from pipelines.simulator import ShopConfig, Simulation
from tests.benchmarks.accuracy import run, send
from tests.benchmarks.ingest import running_bench, tell

_DAY = 86_400_000_000
_PARTITIONS = 4
_SETS = ("user", "twin", "product", "user_product")


def timed(name: str, work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    began = time.monotonic()
    found = work()
    took = time.monotonic() - began
    tell(f"{name}: {took:.1f} s")
    return took, found


def spine_of(spark: SparkSession, names: Names, *, since: int) -> DataFrame:
    """The cart events that were known from a moment on, UTC microseconds."""
    events = spark.read.format("delta").load(names.table("silver.events"))
    asked = (F.col("event_type") == "add_to_cart") & (F.unix_micros("known_at") >= since)
    keys = ("visitor_id", "user_id", "session_id", "product_id")
    return events.where(asked).select(
        F.col("event_id").alias("row_id"), F.col("known_at").alias("time"), *keys
    )


def measured(spark: SparkSession, names: Names, *, last: int) -> dict[str, Any]:
    """Seconds of the last day's carry and frame, from what is carried and from everything."""
    spine = spine_of(spark, names, since=last).persist()
    rows = spine.count()

    def frame() -> Any:
        made = training_frame(spark, names, spine, sets=_SETS, clock="known", partitions=_PARTITIONS)
        return made.agg(F.sum(F.xxhash64(*made.columns).cast("decimal(38,0)"))).collect()

    def carried() -> dict[str, int]:
        return carry(spark, names, midnight=last, partitions=_PARTITIONS)

    timed("warm-up", lambda: carry(spark, names, midnight=last - _DAY, partitions=_PARTITIONS))
    day_s, counts = timed("a day's carry", carried)
    timed("warm-up", frame)
    quick_s, quick = timed("frame from what is carried", frame)
    with patch("pipelines.runtime.features.training_frame.carried", lambda *_: None):
        whole_s, whole = timed("frame from everything", frame)
    with patch("pipelines.runtime.features.carrying.carried", lambda *_: None):
        all_s, all_counts = timed("everything carried anew", carried)
    if quick != whole or counts != all_counts:
        raise RuntimeError("what is carried gives other values than everything")
    return {
        "spine_rows": rows,
        "frame_s": round(quick_s, 1),
        "frame_ratio": round(whole_s / quick_s, 2),
        "carry_s": round(day_s, 1),
        "carry_ratio": round(all_s / day_s, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    last = int(datetime.now(UTC).timestamp() * 1e6) // _DAY * _DAY - _DAY
    start = last - (options.days - 1) * _DAY
    config = ShopConfig(
        seed=7, rate=options.events / (options.days * 86_400), start=start, max_records=options.events,
        users=100_000, late_share=0.05, duplicate_share=0.02, broken_share=0.01, avro_share=0.0,
        horizon_seconds=None,
    )  # fmt: skip
    with running_bench() as (bench, services):
        send(bench, services, with_arrivals(Simulation(config).deliveries(), start=start))
        run(bench, "load_history")
        spark = open_session(bench.settings, bench.names, app="carried_day")
        figures = measured(spark, bench.names, last=last)
        spark.stop()
    said = {"events": options.events, "days": options.days, "sets": len(all_sets()), **figures}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
