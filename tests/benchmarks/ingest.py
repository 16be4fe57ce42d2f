"""How fast and how fresh bronze and silver are, beside the pipeline a user would write first.

Two measurements with real services on this machine. A backlog: the same records from the same broker
by a bare two-hop Spark pipeline and by clicklake with everything on (parser with reasons,
deduplication, enrichment, identities, positions); `ratio` is clicklake's time over the bare one's.
Freshness: a simulated shop at a steady rate on the same cores, from the broker's time until a row
can be read in silver, after a warm-up; of bronze and silver alone, then (`freshness_all_*`) with every
query in the driver. Each has services of its own, so that none catches up with the records of another.
The last line printed is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.connectors.postgres import open_connection
from pipelines.runtime.embedded import Endpoints, ensure_jars, running_stack
from pipelines.runtime.embedded.ports import choose
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.runtime.watching.observe import freshness
from pipelines.settings import Settings, load_settings

_SHARED_CACHE = Path(__file__).parents[2] / "var" / "cache"
_START_SECONDS = 180


class Bench:
    """One run in a folder of its own, with services of its own."""

    def __init__(self, folder: Path, overrides: Sequence[str] = ()) -> None:
        folder.chmod(0o755)
        _SHARED_CACHE.mkdir(parents=True, exist_ok=True)
        (folder / "cache").symlink_to(_SHARED_CACHE)
        ports = [f"{service}.port={choose(preferred=())}" for service in ("kafka", "postgres", "mlflow")]
        self._overrides = [f"var_dir={folder}", "spark.master=local[2]", *ports, *overrides]
        self.settings: Settings = load_settings(overrides=self._overrides)
        self.names = Names.of(var_dir=self.settings.var_dir, lake=self.settings.lake)
        self._environment = os.environ | {"CLICKLAKE_SET": "\n".join(self._overrides)}

    def command(self, *arguments: str) -> list[str]:
        """A `clicklake` command line."""
        settings = [part for override in self._overrides for part in ("--set", override)]
        return [sys.executable, "-m", "jobs.cli", *settings, *arguments]

    def backlog(self, services: Endpoints, *, events: int) -> dict[str, float]:
        """Send `events` records, then time both pipelines over them."""
        simulate = self.command(
            "simulate", "--speed", "max", "--rate", "1000", "--events", str(events), "--json"
        )
        tell(f"sending {events:,} records")
        subprocess.run(simulate, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        jars = ",".join(str(jar) for jar in sorted((self.names.jars / "spark").glob("*.jar")))
        bare = self._child(
            *("tests.benchmarks.bare_two_hop", "--bootstrap", services.kafka, "--jars", jars),
            *("--folder", str(self.names.var_dir / "bare"), "--memory", self.settings.spark.driver_memory),
        )
        tell(f"bare pipeline: {bare['first_hop']:.1f} + {bare['second_hop']:.1f} s, {bare['rows']:,} rows")
        ours = self._child("tests.benchmarks.lake_two_hop")
        tell(f"clicklake: {ours['first_hop']:.1f} + {ours['second_hop']:.1f} s")
        seconds, bare_seconds = (one["first_hop"] + one["second_hop"] for one in (ours, bare))
        return {
            "backfill_events_per_s": round(events / seconds),
            "two_hop_events_per_s": round(events / bare_seconds),
            "ratio": round(seconds / bare_seconds, 2),
        }

    def freshness(
        self, services: Endpoints, *, only: Sequence[str] = (), rate: int, seconds: int, warm_up: int
    ) -> dict[str, float]:
        """Run the queries (none named: all) and a simulated shop side by side."""
        chosen = ["--only", ",".join(only)] if only else []
        streams = subprocess.Popen(
            self.command("run", "stream_lake", *chosen), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self.await_streams()
            tell(f"{', '.join(only) or 'all queries'}: {rate} events/s for {warm_up} + {seconds} s")
            duration = str(warm_up + seconds)
            shop = subprocess.Popen(
                self.command("simulate", "--rate", str(rate), "--duration", duration, "--json"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(warm_up)
            since = datetime.now(UTC)
            time.sleep(seconds)
            until = datetime.now(UTC)
            sent = json.loads(shop.communicate(timeout=60)[0].splitlines()[-1])
        finally:
            streams.terminate()
            streams.wait(90)
        with closing(open_connection(services.postgres.address(), application="bench")) as connection:
            found = freshness(connection, since=since, until=until)["silver"]
        return {
            "avg_s": round((found.mean_ms or 0) / 1000, 2),
            "p99_s": round((found.p99_ms or 0) / 1000, 2),
            "rate": sent["records_per_second"],
        }

    def _child(self, module: str, *arguments: str) -> dict[str, float]:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, check=True, env=self._environment, stdout=subprocess.PIPE)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found

    def await_streams(self) -> None:
        """Wait until the driver runs."""
        deadline = time.monotonic() + _START_SECONDS
        while StreamsFile(self.names).running() is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the streams did not start")
            time.sleep(0.2)


def tell(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def running_bench(overrides: Sequence[str] = ()) -> Iterator[tuple[Bench, Endpoints]]:
    """A run in a new folder, with these settings, and its services."""
    with tempfile.TemporaryDirectory(prefix="clicklake-bench-") as folder:
        bench = Bench(Path(folder), overrides)
        ensure_jars("spark", names=bench.names)
        with running_stack(bench.settings, names=bench.names) as services:
            yield bench, services


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the backlog; 0: not measured")
    parser.add_argument("--rate", type=int, default=1000, help="events per second, for freshness")
    parser.add_argument("--seconds", type=int, default=180, help="bronze and silver alone; 0: not measured")
    parser.add_argument("--all-seconds", type=int, default=120, help="all queries; 0: not measured")
    parser.add_argument("--warm-up", type=int, default=60)
    options = parser.parse_args()
    pace = {"rate": options.rate, "warm_up": options.warm_up}
    figures: dict[str, float] = {}
    if options.events:
        with running_bench() as (bench, services):
            figures |= bench.backlog(services, events=options.events)
    if options.seconds:
        two = (LAND_BRONZE, CLEAN_SILVER)
        with running_bench() as (bench, services):
            found = bench.freshness(services, only=two, seconds=options.seconds, **pace)
        figures |= {"freshness_avg_s": found["avg_s"], "freshness_p99_s": found["p99_s"]}
        figures["rate"] = found["rate"]
    if options.all_seconds:
        with running_bench() as (bench, services):
            found = bench.freshness(services, seconds=options.all_seconds, **pace)
        figures |= {"freshness_all_avg_s": found["avg_s"], "freshness_all_p99_s": found["p99_s"]}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
