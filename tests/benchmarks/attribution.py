"""How soon an order is credited where a dashboard reads it, beside the join a user would write first.

Real services and the real streams (bronze, silver and attribution in one driver) on this machine; clicks
and orders at a steady rate. An order's time runs from handing it to the producer until its row, with its
credits, can be read in Postgres. The bare join runs alone: `from_json`, two watermarks, an inner join,
one insert a batch; no lines, no models, no corrections, nothing kept in a lake. After that, with all
streams stopped, the route of VIPs and the fitted models. The last line printed is one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
from psycopg2.errors import UndefinedTable
from psycopg2.extensions import connection as Connection

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.names import ATTRIBUTE_ORDERS
from pipelines.connectors.postgres import open_connection
from pipelines.runtime.embedded import Endpoints, ensure_jars, running_stack
from tests.benchmarks.attribution_models import measure
from tests.benchmarks.ingest import Bench, tell
from tests.benchmarks.vips import measure_vips

_VISITORS = 2_000
_SOURCES = ("google", "facebook", "tiktok", "newsletter", "youtube", "direct", None, None, None, None)
_LOOK_SECONDS = 0.05
_SETTLED = "select batch_id from ops.ledger where query = %s"
_CREDITED = "select distinct order_id from gold.attributed_orders where order_id = any(%s)"


class Load:
    """Clicks and orders at a steady rate; `sent` is order → when it was handed to the producer."""

    def __init__(self, bootstrap: str, *, clicks: int, orders: int) -> None:
        self.sent: dict[str, float] = {}
        self._bootstrap = bootstrap
        self._per_second = {"clicks": clicks, "orders": orders}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        made = dict.fromkeys(self._per_second, 0)
        began = time.monotonic()
        with Producer(self._bootstrap, max_message_bytes=2**20, linger_ms=0) as producer:
            while not self._stop.wait(0.01):
                for topic, rate in self._per_second.items():
                    while made[topic] < rate * (time.monotonic() - began):
                        self._send(producer, topic, made[topic])
                        made[topic] += 1

    def _send(self, producer: Producer, topic: str, number: int) -> None:
        visitor, now = f"v{number * 7919 % _VISITORS}", time.time()
        record = {"event_id": f"{topic}-{number}", "visitor_id": visitor, "occurred_at": int(now * 1000)}
        if topic == "clicks":
            record |= {"event_type": "page_view", "source": _SOURCES[number % len(_SOURCES)]}
        else:
            lines = [{"product_id": f"p{number % 50}", "quantity": 1, "unit_price_minor": 1000}]
            record |= {"order_id": f"o{number}", "status": "paid", "currency": "EUR", "lines": lines}
            self.sent[f"o{number}"] = now
        producer.send(topic, key=visitor.encode(), value=json.dumps(record).encode())


class Watch:
    """Notes when each order can be read, looking whenever the ledger, or the bare table, has moved on."""

    def __init__(self, connection: Connection, load: Load, moved: str, read: str) -> None:
        self.seen: dict[str, float] = {}
        self._connection, self._load, self._moved, self._read = connection, load, moved, read
        self._last: object = None

    def look(self) -> None:
        """Look once."""
        with suppress(UndefinedTable), self._connection, self._connection.cursor() as cursor:
            cursor.execute(self._moved, (ATTRIBUTE_ORDERS,))
            state = cursor.fetchone()
            if state == self._last:
                return
            self._last = state
            cursor.execute(self._read, ([one for one in list(self._load.sent) if one not in self.seen],))
            found = [order for (order,) in cursor]
            self.seen |= dict.fromkeys(found, time.time())


def run_load(
    services: Endpoints, *, rates: tuple[int, int], seconds: int, warm_up: int, moved: str, read: str
) -> dict[str, float]:
    """Seconds from sending an order to reading it, of those sent after the warm-up."""
    load = Load(services.kafka, clicks=rates[0], orders=rates[1])
    with closing(open_connection(services.postgres.address(), application="bench")) as connection:
        watch = Watch(connection, load, moved, read)
        load.start()
        began = time.time()
        try:
            _look_until(watch, lambda: time.time() > began + warm_up + seconds)
        finally:
            load.close()
        wanted = {order for order, at in load.sent.items() if at > began + warm_up}
        late = time.time() + 60
        _look_until(watch, lambda: wanted <= watch.seen.keys() or time.time() > late)
    if missing := wanted - watch.seen.keys():
        raise RuntimeError(f"{len(missing)} of {len(wanted)} orders were never credited")
    waited = [watch.seen[order] - load.sent[order] for order in wanted]
    p50, p99 = np.percentile(waited, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "orders": len(wanted) / seconds}


def _look_until(watch: Watch, done: Callable[[], bool]) -> None:
    while not done():
        watch.look()
        time.sleep(_LOOK_SECONDS)


def credited(
    bench: Bench, services: Endpoints, *, rates: tuple[int, int], seconds: int, warm_up: int
) -> dict[str, float]:
    """The streams under load."""
    with (bench.names.var_dir / "streams.log").open("w") as log:
        streams = subprocess.Popen(bench.command("run", "stream_lake"), stdout=log, stderr=log)
    try:
        bench.await_streams()
        tell(f"attribution: {rates[0]} clicks/s and {rates[1]} orders/s for {warm_up} + {seconds} s")
        return run_load(
            services, rates=rates, seconds=seconds, warm_up=warm_up, moved=_SETTLED, read=_CREDITED
        )
    finally:
        streams.terminate()
        streams.wait(90)


def bare(
    bench: Bench, services: Endpoints, *, rates: tuple[int, int], seconds: int, warm_up: int
) -> dict[str, float]:
    """The bare join under the same load."""
    jars = ",".join(str(jar) for jar in sorted((bench.names.jars / "spark").glob("*.jar")))
    command = [sys.executable, "-m", "tests.benchmarks.bare_join", "--bootstrap", services.kafka]
    command += [
        "--jars",
        jars,
        "--folder",
        str(bench.names.var_dir / "bare"),
        "--dsn",
        services.postgres.dsn(),
    ]
    with (bench.names.var_dir / "bare.log").open("w") as log:
        join = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        tell(f"bare join: the same for {warm_up} + {seconds} s")
        return run_load(
            services,
            rates=rates,
            seconds=seconds,
            warm_up=warm_up,
            moved="select max(batch) from public.bare_pairs where batch is not null or %s is null",
            read="select distinct order_id from public.bare_pairs where order_id = any(%s)",
        )
    finally:
        join.terminate()
        join.wait(60)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200, help="a second")
    parser.add_argument("--orders", type=int, default=20, help="a second")
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--warm-up", type=int, default=60)
    parser.add_argument("--paths", type=int, default=1_000_000, help="for the fitted models; 0: none")
    parser.add_argument("--vip-seconds", type=int, default=125, help="more than a batch; 0: not measured")
    parser.add_argument("--bare-seconds", type=int, default=60, help="0: not measured")
    options = parser.parse_args()
    rates = (options.clicks, options.orders)
    figures: dict[str, float] = {"rate_clicks": options.clicks}
    with tempfile.TemporaryDirectory(prefix="clicklake-bench-") as folder:
        bench = Bench(Path(folder))
        ensure_jars("spark", names=bench.names)
        with running_stack(bench.settings, names=bench.names) as services:
            figures |= _orders(bench, services, rates, options)
            if options.vip_seconds:
                tell("the route of VIPs")
                found = measure_vips(bench, services, rate=200, seconds=options.vip_seconds, warm_up=20)
                figures |= {"vip_p50_ms": found["p50_ms"], "vip_p99_ms": found["p99_ms"]}
    if options.paths:
        tell(f"fitting {options.paths:,} paths")
        figures |= measure(paths=options.paths, sources=20, seed=7)
    sys.stdout.write(json.dumps(figures) + "\n")


def _orders(
    bench: Bench, services: Endpoints, rates: tuple[int, int], options: argparse.Namespace
) -> dict[str, float]:
    kafka = bench.settings.kafka
    limit, partitions = kafka.max_message_bytes, kafka.partitions
    ensure_topics(services.kafka, planned_topics(), partitions=partitions, max_message_bytes=limit)
    figures: dict[str, float] = {}
    ours = credited(bench, services, rates=rates, seconds=options.seconds, warm_up=options.warm_up)
    figures |= {"order_to_row_p50_s": ours["p50"], "order_to_row_p99_s": ours["p99"]}
    figures["rate_orders"] = round(ours["orders"], 1)
    if options.bare_seconds:
        plain = bare(bench, services, rates=rates, seconds=options.bare_seconds, warm_up=options.warm_up)
        figures |= {"bare_join_p50_s": plain["p50"], "bare_join_p99_s": plain["p99"]}
        figures["ratio"] = round(ours["p50"] / plain["p50"], 2)
    return figures


if __name__ == "__main__":
    main()
