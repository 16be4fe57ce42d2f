"""A lake that runs: Kafka → bronze → silver → features in one session, and a shop that sends into it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.connectors.kafka import Producer, end_offsets
from pipelines.connectors.postgres import connect
from pipelines.contracts.positions import behind, flat
from pipelines.runtime.streams.queries import all_queries
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import RunningStream, start_stream
from pipelines.simulator import ShopConfig, Simulation

QUERIES = ("land_bronze", "clean_silver", "update_features")
MESSAGE_BYTES = 8_388_608
_DRAIN_SECONDS = 30


class Silent:
    """Metrics of a run nobody watches."""

    def record(self, report):
        """Forget it."""


@dataclass(frozen=True)
class RunningLake:
    """The queries of a site, and the bound topic that both clicks and orders come by."""

    site: Site
    bound: str

    def read_all(self) -> None:
        """Run each query until it has read what is there."""
        for stream in self._started(available_now=True):
            stream.query.awaitTermination()
            stream.release()
            assert stream.fault() is None

    @contextmanager
    def running(self) -> Iterator[None]:
        """The time in which the queries run side by side."""
        streams = list(self._started(available_now=False))
        try:
            yield
        finally:
            for stream in streams:
                stream.drain(wait_seconds=_DRAIN_SECONDS)
        assert [stream.fault() for stream in streams] == [None] * len(streams)

    def send(self, *, seed: int, seconds: float) -> None:
        """A minute of a small shop that has just been, sent in so many seconds, with repeats and faults."""
        start = time.time_ns() // 1_000 - 60_000_000
        shop = ShopConfig(seed=seed, start=start, rate=20, users=30, products=12, duplicate_share=0.05)
        began = time.monotonic()
        with Producer(self.site.services.kafka, max_message_bytes=MESSAGE_BYTES) as producer:
            for number, one in enumerate(Simulation(shop).deliveries()):
                time.sleep(max(0.0, began + seconds * one.send_at / 60_000_000 - time.monotonic()))
                headers = list(one.headers)
                producer.send(one.topic, key=one.key, value=one.value, headers=headers)
                if number % 20 == 0:
                    self._send_bound(producer, number)
            producer.flush()

    def await_features(self, *, seconds: float) -> None:
        """Wait until Postgres holds all that Kafka has."""
        ends = end_offsets(self.site.services.kafka, ["clicks", "orders", self.bound])
        deadline = time.monotonic() + seconds
        while behind(self._covered(), {place: end for place, end in ends.items() if end}):
            assert time.monotonic() < deadline, "update_features does not get there"
            time.sleep(0.2)

    def _covered(self) -> dict[tuple[str, int], int]:
        with connect(self.site.services.postgres.address()) as connection, connection.cursor() as cursor:
            cursor.execute("select positions from features.batches order by batch_id desc limit 1")
            found = cursor.fetchone()
        return flat(found[0]) if found else {}

    def _started(self, *, available_now: bool) -> Iterator[RunningStream]:
        site = self.site
        for name in QUERIES:
            spec = all_queries()[name].build(site)
            yield start_stream(site.spark, spec, site.names, Silent(), available_now=available_now)

    def _send_bound(self, producer: Producer, number: int) -> None:
        """A click of another shop, and now and then an order."""
        moment, user = datetime.now(UTC).isoformat(), f"bound-{number % 3}"
        click = {"Click_ID": number, "User_ID": user, "Click_time": moment, "Source": "Tiktok"}
        order = {"Purchase_ID": number, "Product_ID": 205, "Quantity": 3, "Purchase_time": moment}
        paid = {"Payment_status": "success", "Payment_method": "Visa", "Total_cost": 83.16, "Discount": 0.0}
        for one in (
            (click, order | paid | {"User_ID": user, "Shipping_cost": 0}) if number % 100 == 0 else (click,)
        ):
            producer.send(self.bound, key=user.encode(), value=json.dumps(one).encode())
