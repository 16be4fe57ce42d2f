"""Online equals offline under fire: a million events, a killed driver, a feature set that joins midway.

A simulated shop (late and second copies among its records), or a replay of `--data`, runs through a lake
of its own, while a reader reads features as a scorer would and logs what it read. The driver of the
streams is killed hard, as often as asked; a feature set's file is added and its history built beside the
running streams. In the end `check_consistency` computes every logged value again from silver. The last
line printed is one JSON object.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from pipelines.connectors.kafka import end_offsets
from pipelines.connectors.ledger import newest_entry
from pipelines.connectors.names import UPDATE_FEATURES
from pipelines.connectors.postgres import open_connection
from pipelines.contracts.positions import behind
from pipelines.errors import LakeError
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.embedded.processes import tail
from pipelines.runtime.features.freshness import freshness
from tests.benchmarks.ingest import Bench, running_bench, tell

_PACKAGES = ("pipelines", "training", "serving", "jobs", "conf")
_NEWCOMER = '''"""What a visitor has done, as a set that is added while the lake runs."""

from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.parts_of_shop import KEPT, RECENCY, VISITOR, counts

SET = FeatureSet(
    name="newcomer",
    version=1,
    entity=VISITOR,
    meaning="what a visitor has done",
    features=(*counts(), *RECENCY, Feature("products", Distinct("product_id"), "different products")),
    ttl=KEPT,
)
'''
_CATCH_UP_SECONDS = 1_800
_TOPICS = ("clicks", "orders")
_PROVEN = ("holds", "reads", "values", "mismatch", "missing", "extra", "late_share", "left_out")


class Drill:
    """The processes of one run, on a copy of the code to which a file can be added."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._code = bench.names.var_dir / "code"
        here = Path(__file__).parents[2]
        for package in _PACKAGES:
            shutil.copytree(here / package, self._code / package)
        self._started: list[subprocess.Popen[bytes]] = []
        self._log = bench.names.var_dir / "drill.log"
        self._logs = self._log.open("wb")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A `clicklake` command in a process group of its own."""
        started = subprocess.Popen(
            self._bench.command(*arguments),
            cwd=self._code,
            env=os.environ | {"PYTHONPATH": str(self._code)},
            stdout=subprocess.PIPE,
            stderr=self._logs,
            start_new_session=True,
        )
        self._started.append(started)
        return started

    def said(self) -> str:
        """What the commands said last of errors."""
        return tail(self._log, lines=15)

    def close(self) -> None:
        """Kill what still runs."""
        for one in self._started:
            if one.poll() is None:
                kill(one)

    def run(self, *arguments: str) -> dict[str, Any]:
        """A command's last line; its exit code under `exit_code`."""
        return ended(self.start(*arguments))

    def add_newcomer(self) -> dict[str, Any]:
        """Add the new set's file, and build its history."""
        (self._code / "pipelines/gold/features/sets/newcomer.py").write_text(_NEWCOMER)
        return self.run("run", "build_features", "newcomer")

    def streams(self) -> subprocess.Popen[bytes]:
        """Start the driver, and wait until it runs."""
        started = self.start("run", "stream_lake")
        self._bench.await_streams()
        return started


def ended(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What a process says in its last line, and its exit code."""
    lines = process.communicate()[0].splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found | {"exit_code": process.returncode}


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to it and to its children."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def await_features(bench: Bench, services: Endpoints) -> float:
    """Wait until the online store covers all that Kafka has; how long that took, in seconds."""
    began = time.monotonic()
    ends = end_offsets(services.kafka, _TOPICS)
    while time.monotonic() < began + _CATCH_UP_SECONDS:
        opened = open_connection(services.postgres.address(), application="bench")
        with closing(opened) as connection, connection.cursor() as cursor:
            entry = newest_entry(cursor, UPDATE_FEATURES)
        if entry is not None and behind(entry.positions, ends) == 0:
            return time.monotonic() - began
        time.sleep(1)
    raise TimeoutError("the features did not catch up")


def feed(drill: Drill, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start what sends records."""
    if options.data:
        how = ("--mapping", options.mapping, "--speed", options.speed, "--json")
        return drill.start("replay", options.data, *how)
    many = ("--events", str(options.events), "--rate", str(options.rate))
    return drill.start("simulate", *many, "--users", str(options.users), "--json")


def await_sets(services: Endpoints) -> None:
    """Wait until a reader finds sets."""
    until = time.monotonic() + _CATCH_UP_SECONDS
    while time.monotonic() < until:
        with suppress(LakeError):
            if any(one.is_live for one in freshness(services.postgres.address())):
                return
        time.sleep(1)
    raise TimeoutError("no feature set became live")


def endure(
    drill: Drill,
    streams: subprocess.Popen[bytes],
    source: subprocess.Popen[bytes],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Kill the driver at equal distances while records come, and add the set after half of them."""
    seconds, newcomer = options.events / options.rate, None
    for number in range(options.kills):
        _sleep(source, seconds / (options.kills + 1))
        tell(f"the driver is killed for the {number + 1}. time")
        kill(streams)
        streams = drill.streams()
        if number == options.kills // 2:
            tell("a feature set is added")
            newcomer = drill.add_newcomer()
            tell(f"its history is built: {newcomer}")
    source.wait()
    return {"streams": streams, "newcomer": newcomer}


def _sleep(source: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        source.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One run; what came of it."""
    with running_bench() as (bench, services), closing(Drill(bench)) as drill:
        streams = drill.streams()
        source = feed(drill, options)
        await_sets(services)
        # A replay is of what is long over: its features are asked for at the newest event's time.
        clock = "newest-event" if options.data else "now"
        reader = drill.start("run", "sample_features", "--rate", str(options.reads_per_second), "--at", clock)
        borne = endure(drill, streams, source, options)
        sent = ended(source)
        tell(f"all is sent: {sent.get('sent_by_topic')}")
        caught_up = await_features(bench, services)
        time.sleep(10)
        reader.terminate()
        read = ended(reader)
        tell(f"features are caught up after {caught_up:.0f} s; read: {read}")
        if read["exit_code"]:
            raise RuntimeError(f"the reader failed: {drill.said()}")
        borne["streams"].terminate()
        borne["streams"].wait(90)
        whole = drill.run("run", "check_conservation")
        proof = drill.run("run", "check_consistency", "--reads", "1000000")
        if options.report:
            Path(options.report).write_text(json.dumps(proof, indent=1))
        return {
            "events": sum(sent["sent_by_topic"].get(topic, 0) for topic in _TOPICS),
            "kills": options.kills,
            "newcomer": borne["newcomer"],
            "conservation_exit_code": whole["exit_code"],
            "reads_by_set": _reads_by_set(proof),
            **{name: proof[name] for name in _PROVEN},
        }


def _reads_by_set(proof: dict[str, Any]) -> dict[str, int]:
    """Of each set, and of how it was asked, the reads that were compared."""
    return {
        f"{one['set']}{' by user' if one['by_user'] else ''}": max(
            f["reads"] for f in one["features"].values()
        )
        for one in proof["sets"]
    }


def main() -> None:
    """Run the drill and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=1_000, help="events per second")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=3, help="of the driver, at equal distances")
    parser.add_argument("--reads-per-second", type=float, default=20)
    parser.add_argument("--data", help="replay this file instead of a simulated shop")
    parser.add_argument("--mapping", help="of that file")
    parser.add_argument("--speed", default="max", help="of the replay")
    parser.add_argument("--report", help="write the whole proof here")
    found = measure(parser.parse_args())
    sys.stdout.write(json.dumps(found) + "\n")
    if not found["holds"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
