"""How long a training frame takes, beside DuckDB doing the same on the same file.

Events of a seeded shop with Zipf keys, of which 8 % are decisions, the spine; sets of visitor, product and
session with trailing windows; from Parquet to Parquet, all cores for either. Both results are compared
value by value, and the run fails if they differ. Then the same with one visitor and one product of 7 % of
the events each. Spark is started, and its workers are warm, before time is taken; the two take turns, and
each counts with the better of its runs. The last line printed is one JSON object.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.gold.features.training import ROWS_A_PARTITION, training_values
from pipelines.runtime.embedded import ensure_jars
from pipelines.runtime.streams.session import for_long_jobs, open_session
from tests.benchmarks.ingest import Bench, tell
from tests.benchmarks.pit_data import DECISION, write_events
from tests.benchmarks.pit_duckdb import run_duckdb
from tests.benchmarks.pit_sets import SETS

_WARM_UP = 200_000
_HOT = 0.07


def run_clicklake(spark: SparkSession, events: Path, output: Path, *, count: int) -> float:
    """Write the training frame of the file's decisions; how many seconds that took."""
    began = time.monotonic()
    rows = spark.read.parquet(str(events))
    frame = training_values(
        rows.withColumn("visible_at", F.col("occurred_at")),
        _spine(rows),
        SETS,
        partitions=_partitions(spark, count),
    )
    frame.write.mode("overwrite").parquet(str(output))
    return time.monotonic() - began


def _spine(rows: DataFrame) -> DataFrame:
    at = F.col("occurred_at")
    decisions = rows.where(F.col("kind") == DECISION)
    return decisions.select(
        F.col("event_id").alias("row_id"),
        *("visitor_id", "session_id", "product_id", "event_id"),
        *(at.alias(name) for name in ("at", "seen_at")),
    )


def _partitions(spark: SparkSession, count: int) -> int:
    cores = spark.sparkContext.defaultParallelism
    return -(-count // (ROWS_A_PARTITION * cores)) * cores


def compare(ours: Path, theirs: Path) -> int:
    """Rows of both. Raises `RuntimeError` when a row or a value is not the same in both."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"create view ours as from read_parquet('{ours}/*.parquet')")
        connection.execute(f"create view theirs as from read_parquet('{theirs}')")
        counts = [connection.execute(f"select count(*) from {one}").fetchone() for one in ("ours", "theirs")]
        names = [row[0] for row in connection.execute("describe ours").fetchall()]
        differing = ", ".join(f'count_if(o."{name}" is distinct from t."{name}")' for name in names)
        pairs = "from ours as o join theirs as t using (row_id)"
        met, *wrong = connection.execute(f"select count(*), {differing} {pairs}").fetchone() or ()
    told = {name: number for name, number in zip(names, wrong, strict=True) if number}
    if told or any(count != (met,) for count in counts):
        raise RuntimeError(f"the frames differ: rows {counts}, {met} in both; values by column: {told}")
    return int(met)


def measure(
    spark: SparkSession, folder: Path, *, events: int, hot: float, rounds: int, memory: str
) -> dict[str, float]:
    """Seconds of both on a file of so many events, the better of `rounds` each."""
    file, ours, theirs = folder / f"events-{hot}.parquet", folder / "clicklake", folder / "duckdb.parquet"
    write_events(file, events=events, hot=hot, seed=11)
    found: dict[str, list[float]] = {"clicklake": [], "duckdb": []}
    for _ in range(rounds):
        found["duckdb"].append(run_duckdb(file, theirs, memory=memory))
        found["clicklake"].append(run_clicklake(spark, file, ours, count=events))
        tell(
            f"{events:,} events, hot {hot:.0%}: "
            + ", ".join(f"{name} {of[-1]:.1f} s" for name, of in found.items())
        )
    rows = compare(ours, theirs)
    file.unlink()
    return {"rows": rows, **{name: min(of) for name, of in found.items()}}


def alone(spark: SparkSession, folder: Path, *, events: int) -> float:
    """Seconds of clicklake on a file of so many events, once."""
    file = folder / "large.parquet"
    write_events(file, events=events, hot=0, seed=11)
    took = run_clicklake(spark, file, folder / "clicklake", count=events)
    tell(f"{events:,} events: clicklake {took:.1f} s")
    file.unlink()
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--duckdb-memory", default="12GB")
    parser.add_argument("--no-hot", action="store_true", help="without the run with hot keys")
    parser.add_argument(
        "--large", type=int, default=0, metavar="N", help="clicklake alone on N events, too, such as 50000000"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clicklake-bench-") as name:
        folder = Path(name)
        bench = Bench(folder)
        ensure_jars("spark", names=bench.names)
        spark = open_session(for_long_jobs(bench.settings), bench.names, app="bench-pit")
        sizes = {"rounds": options.rounds, "memory": options.duckdb_memory}
        measure(spark, folder, events=min(_WARM_UP, options.events), hot=0, **sizes)
        plain = measure(spark, folder, events=options.events, hot=0, **sizes)
        figures = {
            "events": options.events,
            "spine_rows": plain["rows"],
            "clicklake_s": round(plain["clicklake"], 2),
            "duckdb_s": round(plain["duckdb"], 2),
            "ratio": round(plain["clicklake"] / plain["duckdb"], 2),
        }
        if not options.no_hot:
            hot = measure(spark, folder, events=options.events, hot=_HOT, **sizes)
            figures["hot_key_ratio"] = round(hot["clicklake"] / plain["clicklake"], 2)
        if options.large:
            figures["large_events"] = options.large
            figures["large_ratio"] = round(alone(spark, folder, events=options.large) / plain["clicklake"], 2)
        spark.stop()
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
