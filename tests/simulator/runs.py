"""Runs of the shop that several tests look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipelines.contracts.delivery import Delivery
from pipelines.contracts.parsing import RawRecord, Reject, Row, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.simulator import ShopConfig, Simulation
from pipelines.simulator.truth import TruthRow

START = 1_760_000_000_000_000
_INGESTED_AFTER = 3_600_000_000


@dataclass(frozen=True)
class Run:
    """A finished run: what was sent, and the truth."""

    config: ShopConfig
    deliveries: list[Delivery]
    truth: list[TruthRow]
    simulation: Simulation

    def behaviour(self) -> list[Delivery]:
        return [d for d in self.deliveries if d.topic in ("clicks", "orders")]

    def first_copies(self, topic: str) -> Iterator[Row]:
        """Silver rows of the records that are neither broken nor second copies; one an order line."""
        for delivery in self.deliveries:
            if delivery.topic == topic and delivery.fate in ("ok", "late"):
                parsed = parse(delivery)
                assert not isinstance(parsed, Reject), parsed
                yield from parsed


def parse(delivery: Delivery) -> list[Row] | Reject:
    raw = RawRecord(delivery.key, delivery.value, delivery.headers, START + _INGESTED_AFTER)
    return parse_record(raw, all_topics()[delivery.topic])


def run_shop(**changes: Any) -> Run:
    truth: list[TruthRow] = []
    config = ShopConfig(**{"start": START, **changes})
    simulation = Simulation(config, on_truth=truth.append)
    return Run(config, list(simulation.deliveries()), truth, simulation)


@cache
def busy_run() -> Run:
    """Some 50,000 records with more faults than usual and some Avro; shared, so leave it as it is."""
    return run_shop(
        rate=250,
        horizon_seconds=200,
        late_share=0.1,
        duplicate_share=0.05,
        broken_share=0.08,
        avro_share=0.1,
    )
