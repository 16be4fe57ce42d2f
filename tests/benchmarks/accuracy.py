"""How near models come to what can be known, and how often contests are wrong.

Three measurements. UCI's online shoppers, against the best published figures (`uci_shoppers`). A simulated
shop of a million events, whose true probability of each purchase is known: the first part goes in as history,
the rest as a stream, through the whole lake, labels and examples included; contests choose a champion, and
on decisions later than all of them its average precision is compared with that of the true probability. A
thousand simulated contests whose right outcome is known (`contests`). The last line printed is one JSON
object.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from threading import Event
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from pipelines.connectors.lake_reader import LakeReader
from pipelines.contracts.delivery import Delivery
from pipelines.gold.problems import all_problems
from pipelines.runtime.contests import last_judged
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.feeds.arrival_times import with_arrivals
from pipelines.runtime.feeds.sending import send_to_kafka
from pipelines.simulator import ShopConfig, Simulation
from pipelines.simulator.truth import CheckoutTruth, TruthRow
from tests.benchmarks.contests import contest_figures
from tests.benchmarks.ingest import Bench, running_bench, tell
from tests.benchmarks.parity import await_features
from tests.benchmarks.uci_shoppers import uci_figures
from training.contest.field import Absent, registered
from training.dataset import read_dataset
from training.retraining import site_of
from training.tracking.registry import Registry
from training.tracking.server import Server

PROBLEM = "checkout_purchase"
_RATE = 25.0
"""Events per second of the shop's time: a million span eleven hours, many horizons of an hour."""
_PUNCTUAL_MICROS = 1_000_000
_HISTORY = 0.7


class Truth:
    """The true probabilities, by the checkout's event."""

    def __init__(self) -> None:
        self.by_event: dict[str, float] = {}

    def note(self, row: TruthRow) -> None:
        """Keep a checkout's."""
        if isinstance(row, CheckoutTruth):
            self.by_event[row.event_id] = row.purchase_probability


def send(bench: Bench, services: Endpoints, deliveries: Iterable[Delivery]) -> None:
    """Send them at once."""
    send_to_kafka(deliveries, services.kafka, bench.settings.kafka, speed=None, stop=Event())


def paced(deliveries: Iterable[Delivery], *, rate: float) -> Iterator[Delivery]:
    """So many a second of this machine's time."""
    began = time.monotonic()
    for number, one in enumerate(deliveries):
        ahead = number / rate - (time.monotonic() - began)
        if ahead > 0.01:
            time.sleep(ahead)
        yield one


def run(bench: Bench, *arguments: str) -> list[dict[str, Any]]:
    """A job's lines."""
    began = time.monotonic()
    done = subprocess.run(
        bench.command("run", *arguments), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    tell(f"{' '.join(arguments)}: {time.monotonic() - began:.0f} s")
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]


@contextmanager
def streams(bench: Bench) -> Iterator[None]:
    """The driver with all its queries."""
    started = subprocess.Popen(
        bench.command("run", "stream_lake"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        bench.await_streams()
        yield
    finally:
        started.terminate()
        started.wait(120)


def fill(bench: Bench, services: Endpoints, *, events: int, seed: int) -> Truth:
    """History by the batch path, then the stream; both of one shop."""
    truth = Truth()
    start = time.time_ns() // 1_000 - int(events / _RATE * 1e6)
    config = ShopConfig(
        seed=seed, rate=_RATE, start=start, max_records=events, users=20_000, late_share=0.05,
        duplicate_share=0.02, broken_share=0.01, avro_share=0.0, horizon_seconds=None,
    )  # fmt: skip
    deliveries = with_arrivals(Simulation(config, on_truth=truth.note).deliveries(), start=start)
    send(bench, services, islice(deliveries, int(events * _HISTORY)))
    run(bench, "load_history")
    with streams(bench):
        send(bench, services, paced(deliveries, rate=2_000))
        tell(f"features caught up after {await_features(bench, services):.0f} s")
    run(bench, "settle_labels", "--all")
    tell(str(run(bench, "build_examples")))
    return truth


def simulated(*, events: int, contests: int, block: int, budget: int, seed: int) -> dict[str, Any]:
    """The champion beside the truth."""
    overrides = [f"models.block_decisions={block}", f"models.budget_trials={budget}"]
    with running_bench(overrides) as (bench, services):
        truth = fill(bench, services, events=events, seed=seed)
        for line in run(bench, "run_contest", "--problem", PROBLEM, "--most", str(contests)):
            tell(str(line))
        return beside_truth(bench, truth)


def beside_truth(bench: Bench, truth: Truth) -> dict[str, Any]:
    """Average precisions on the decisions that came after the last contest.

    Of checkouts that came in late the true probability is not that of the moment, when more was known; they
    are left out, whatever came of them.
    """
    site = site_of(bench.settings, seed=0)
    problem = all_problems()[PROBLEM]
    registry = Registry(Server(site.mlflow), lock=site.names.registry_lock)
    champion = registry.champion(PROBLEM)
    judged = last_judged(site.names, PROBLEM)
    if champion is None or judged is None:
        raise RuntimeError("no model was promoted")
    entry = registered(champion, registry.load)
    if isinstance(entry, Absent):
        raise RuntimeError(entry.reason)
    examples = read_dataset(site.names, problem, since=judged.decided_at + 1).examples
    late = late_decisions(bench)
    chosen = np.array([one in truth.by_event and one not in late for one in examples.row_ids])
    rows = examples.take(chosen)
    true = np.array([truth.by_event[one] for one in rows.row_ids])
    ours = float(average_precision_score(rows.labels, entry.probabilities(rows)))
    best = float(average_precision_score(rows.labels, true))
    return {
        "sim_rows": len(rows),
        "sim_champion": champion.name,
        "sim_average_precision": round(ours, 4),
        "sim_bayes_average_precision": round(best, 4),
        "sim_ratio": round(ours / best, 4),
    }


def late_decisions(bench: Bench) -> set[str]:
    """The checkouts that came in a second and more after they occurred."""
    return {row["event_id"] for row in LakeReader(bench.names).rows(_LATE)}


_LATE = f"""
select event_id from silver.events
where event_type = 'checkout_start' and known_at - occurred_at > interval {_PUNCTUAL_MICROS} microseconds
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="of the simulated shop; 0: not measured"
    )
    parser.add_argument("--rounds", type=int, default=1, help="contests in that shop")
    parser.add_argument("--block", type=int, default=8_000, help="decisions that judge each of them")
    parser.add_argument("--budget", type=int, default=8, help="trials of each search in that shop")
    parser.add_argument("--repeats", type=int, default=10, help="of UCI's split; 0: not measured")
    parser.add_argument("--contests", type=int, default=1_000, help="simulated ones; 0: not measured")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    if options.contests:
        figures |= contest_figures(options.contests, seed=options.seed)
    if options.events:
        figures |= simulated(
            events=options.events,
            contests=options.rounds,
            block=options.block,
            budget=options.budget,
            seed=options.seed,
        )
        tell(str(figures))
    if options.repeats:
        figures |= uci_figures(options.seed, options.repeats)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
