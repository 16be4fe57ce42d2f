"""How soon a VIP's click is in the topic of VIPs' actions: in Real-Time Mode, and in micro-batches.

Real services and the real job, alone on this machine. Clicks at a steady rate, half of them by VIPs; the
time runs from handing a click to the producer until a consumer holds its action. The last line printed
is one JSON object; `vip_ratio` is the micro-batches' median over Real-Time Mode's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from kafka import KafkaConsumer

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.runtime.embedded import Endpoints, ensure_jars, running_stack
from tests.benchmarks.ingest import Bench, tell
from tests.runtime.vips.users import write_users

_USERS = 1000
_START_SECONDS = 120
_LAST_SECONDS = 10


def measure_vips(
    bench: Bench, services: Endpoints, *, rate: int, seconds: int, warm_up: int, micro_batch: bool = False
) -> dict[str, float]:
    """Run the route and clicks beside it; `p50_ms`, `p99_ms`, `max_ms` of `actions` after the warm-up."""
    prepare(bench, services)
    with running_route(bench, micro_batch=micro_batch), closing(_Watch(services.kafka)) as watch:
        sent = _clicks(services.kafka, watch, rate=rate, seconds=seconds, warm_up=warm_up)
        late = [(watch.seen[n] - moment) * 1000 for n, moment in sent.items() if n in watch.seen]
        expected = sum(1 for n in sent if _is_vip(n))
    if len(late) < expected:
        raise RuntimeError(f"{expected - len(late)} of {expected} actions did not arrive")
    p50, p99, most = np.percentile(late, [50, 99, 100])
    figures = {"p50_ms": p50, "p99_ms": p99, "max_ms": most}
    return {name: round(float(value), 1) for name, value in figures.items()} | {"actions": len(late)}


def prepare(bench: Bench, services: Endpoints) -> None:
    """Topics, and users of whom every second is a VIP."""
    kafka = bench.settings.kafka
    ensure_topics(
        services.kafka,
        planned_topics(),
        partitions=kafka.partitions,
        max_message_bytes=kafka.max_message_bytes,
    )
    levels = {f"u{n}": "PLATINUM" if _is_vip(n) else "GOLD" for n in range(_USERS)}
    write_users(bench.names, levels)


@contextmanager
def running_route(bench: Bench, *, micro_batch: bool) -> Iterator[None]:
    """The time in which the job runs."""
    arguments = ["--micro-batch"] if micro_batch else []
    with (bench.names.var_dir / "route_vips.log").open("a") as log:
        job = subprocess.Popen(bench.command("run", "route_vips", *arguments), stderr=log)
    try:
        yield
    finally:
        job.terminate()
        job.wait(60)


class _Watch:
    """Notes when each action is there, by the number in its page."""

    def __init__(self, bootstrap: str) -> None:
        self.seen: dict[int, float] = {}
        self._stop = threading.Event()
        self._consumer = KafkaConsumer("vip_actions", bootstrap_servers=bootstrap)
        self._consumer.poll(timeout_ms=5000)
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        while not self._stop.is_set():
            for records in self._consumer.poll(timeout_ms=100).values():
                now = time.time()
                for record in records:
                    number = int(json.loads(record.value)["page"].removeprefix("/"))
                    self.seen.setdefault(number, now)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()


def _clicks(bootstrap: str, watch: _Watch, *, rate: int, seconds: int, warm_up: int) -> dict[int, float]:
    """Send clicks until the route answers, then through the warm-up; those after it, by number."""
    sent: dict[int, float] = {}
    number, began = 0, time.time()
    answered: float | None = None
    with Producer(bootstrap, max_message_bytes=2**20, linger_ms=0) as producer:
        while answered is None or time.time() < answered + warm_up + seconds:
            if answered is None and watch.seen:
                answered = time.time()
                took = answered - began
                tell(f"the route answers after {took:.0f} s; {rate} clicks/s for {warm_up} + {seconds} s")
            if answered is None and time.time() > began + _START_SECONDS:
                raise TimeoutError("the route did not answer; see route_vips.log")
            user = f"u{number % _USERS}"
            click = {
                "user_id": user,
                "page": f"/{number}",
                "action": "view",
                "device": "mobile",
                "agent": "x",
            }
            moment = time.time()
            producer.send("clicks", key=user.encode(), value=json.dumps(click).encode())
            if answered is not None and moment > answered + warm_up:
                sent[number] = moment
            number += 1
            time.sleep(max(0.0, began + number / rate - time.time()))
        producer.flush()
    deadline = time.monotonic() + _LAST_SECONDS
    while time.monotonic() < deadline and any(n not in watch.seen for n in sent if _is_vip(n)):
        time.sleep(0.1)
    return {n: moment for n, moment in sent.items() if _is_vip(n)}


def _is_vip(number: int) -> bool:
    return number % 2 == 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="clicks per second")
    parser.add_argument("--seconds", type=int, default=125, help="more than a batch lasts")
    parser.add_argument("--warm-up", type=int, default=45)
    parser.add_argument("--skip-micro-batch", action="store_true")
    options = parser.parse_args()
    pace = {"rate": options.rate, "seconds": options.seconds, "warm_up": options.warm_up}
    with tempfile.TemporaryDirectory(prefix="clicklake-bench-") as folder:
        bench = Bench(Path(folder))
        ensure_jars("spark", names=bench.names)
        with running_stack(bench.settings, names=bench.names) as services:
            fast = measure_vips(bench, services, **pace)
            figures = {f"vip_{name}": value for name, value in fast.items()}
            if not options.skip_micro_batch:
                slow = measure_vips(
                    bench, services, **(pace | {"seconds": 30, "warm_up": 20}), micro_batch=True
                )
                figures |= {f"vip_micro_batch_{name}": value for name, value in slow.items()}
                figures["vip_ratio"] = round(slow["p50_ms"] / fast["p50_ms"], 1)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
