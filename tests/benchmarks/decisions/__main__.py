"""Decisions over HTTP and through Kafka, beside what else could serve the same model.

A simulated shop's features in the online store; one model of 20 of them. Eight connections ask as fast as
they are answered, then at half that rate. `mlflow models serve` is given the features (OMP_NUM_THREADS=1), a
plain FastAPI service selects them. Events come at 500 a second, of which 5 % ask; champions are swapped 20
times under load; models are fitted at low priority under load. Everything runs on the same cores, the load
included. The last line printed is one JSON object.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.postgres import PostgresAddress
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.embedded.ports import choose
from tests.benchmarks.accuracy import streams
from tests.benchmarks.decisions import model
from tests.benchmarks.decisions.plain_service import TABLE
from tests.benchmarks.decisions.servers import load, loading, mlflow_serve, plain_service, scorer
from tests.benchmarks.decisions.stream import event_figures
from tests.benchmarks.ingest import Bench, running_bench, tell
from tests.benchmarks.parity import await_features

_SHOPPERS = "select distinct visitor_id, session_id from silver.events where session_id is not null"
_FITTING = """
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
chance = np.random.default_rng(1)
rows, labels = chance.normal(size=(200_000, 40)), chance.integers(0, 2, 200_000)
while True:
    HistGradientBoostingClassifier(max_iter=100).fit(rows, labels)
"""


class Figures:
    """What is measured, on one run's services."""

    def __init__(self, bench: Bench, services: Endpoints, *, seconds: float) -> None:
        self._bench, self._services, self._seconds = bench, services, seconds
        self._folder = bench.names.var_dir
        self._port = choose(preferred=())
        self.found: dict[str, Any] = {}

    def fill(self, events: int) -> list[tuple[str, str]]:
        """A shop's features in the store; the shoppers, with a visit of theirs."""
        self._clicklake("simulate", "--speed", "max", "--events", str(events), "--json")
        with streams(self._bench):
            await_features(self._bench, self._services)
        rows = LakeReader(self._bench.names).rows(_SHOPPERS)
        return [(row["visitor_id"], row["session_id"]) for row in rows]

    def others(self, shoppers: list[tuple[str, str]]) -> None:
        """MLflow's server and the plain service."""
        chance = np.random.default_rng(3)
        values = chance.integers(0, 2, size=(len(shoppers), model.COUNT))
        bodies = self._bodies("mlflow", ({"inputs": [row]} for row in values.astype(float).tolist()))
        with mlflow_serve(self._bench, model.write_for_mlflow(self._folder, 1)) as url:
            self.found["mlflow_rps"] = load(url, bodies, seconds=self._seconds)["rps"]
        store = self._services.postgres.address()
        _plain_table(store, [one for one, _ in shoppers], values)
        bodies = self._bodies("plain", ({"visitor_id": visitor} for visitor, _ in shoppers))
        graph = model.write(self._folder, 1)
        with plain_service(self._bench, graph, store, features=model.COUNT) as url:
            self.found["fastapi_rps"] = load(url, bodies, seconds=self._seconds)["rps"]

    def ours(self, shoppers: list[tuple[str, str]]) -> None:
        """The scorer, alone, while models are swapped, and while models are fitted."""
        for seed in (1, 2):
            self._clicklake(
                "models", "enter", str(model.write(self._folder, seed)), "--problem", model.PROBLEM.name
            )
        self._promote(1)
        asked = {"problem": model.PROBLEM.name}
        bodies = self._bodies("ours", (asked | {"visitor_id": v, "session_id": s} for v, s in shoppers))
        with scorer(self._bench, port=self._port) as url:
            load(url, bodies, seconds=3)
            top = load(url, bodies, seconds=self._seconds)
            half = load(url, bodies, seconds=self._seconds, rate=top["rps"] / 2)
            self.found |= {
                "http_rps": top["rps"],
                "http_p50_ms": half["p50_ms"],
                "http_p99_ms": half["p99_ms"],
            }
            self.found |= event_figures(
                self._services.kafka, [v for v, _ in shoppers],
                partitions=self._bench.settings.kafka.partitions, rate=500, seconds=2 * self._seconds,
            )  # fmt: skip
            self._swaps(url, bodies, rate=top["rps"] / 2)
            fitting = subprocess.Popen(["nice", "-n", "19", sys.executable, "-c", _FITTING])
            busy = load(url, bodies, seconds=self._seconds, rate=top["rps"] / 4)
            fitting.kill()
            self.found["training_p99_ms"] = busy["p99_ms"]

    def _swaps(self, url: str, bodies: Path, *, rate: float) -> None:
        """Twenty promotions under load."""
        began, count = time.monotonic(), 20
        running = loading(url, bodies, seconds=count * 12, rate=rate)
        for number in range(count):
            self._promote(2 - number % 2)
        tell(f"{count} swaps in {time.monotonic() - began:.0f} s")
        out, _ = running.communicate()
        told = json.loads(out.splitlines()[-1])
        self.found |= {"swap_requests": told["requests"], "swap_failed": told["failed"]}

    def _promote(self, version: int) -> None:
        self._clicklake(
            "models", "promote", str(version), "--problem", model.PROBLEM.name, "--reason", "measured"
        )

    def _clicklake(self, *arguments: str) -> None:
        done = subprocess.run(self._bench.command(*arguments), capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stderr.decode()[-1_000:]}")

    def _bodies(self, name: str, bodies: Any) -> Path:
        path = self._folder / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, bodies)))
        return path


def _plain_table(store: PostgresAddress, visitors: list[str], values: Any) -> None:
    """What the plain service selects from."""
    columns = [f"f{number}" for number in range(model.COUNT)]
    rows = dict(zip(visitors, values.tolist(), strict=True))
    connection = psycopg2.connect(
        host=store.host, port=store.port, dbname=store.database, user=store.user, password=store.password
    )
    with connection, connection.cursor() as cursor:
        typed = ", ".join(f"{one} double precision" for one in columns)
        cursor.execute(f"create table {TABLE} (visitor_id text primary key, {typed})")
        for visitor, row in rows.items():
            cursor.execute(
                f"insert into {TABLE} values (%s, {', '.join(['%s'] * len(row))})", (visitor, *row)
            )
    connection.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, help="of the shop that fills the store")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    options = parser.parse_args()
    with running_bench() as (bench, services):
        figures = Figures(bench, services, seconds=options.seconds)
        shoppers = figures.fill(options.events)
        tell(f"{len(shoppers):,} visits")
        figures.others(shoppers)
        figures.ours(shoppers)
    found = figures.found
    found["rps_ratio"] = round(found["http_rps"] / found["mlflow_rps"], 2)
    found["fastapi_ratio"] = round(found["http_rps"] / found["fastapi_rps"], 2)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
