"""What the scorer's state costs: a record of Kafka taken in, and what is known of a shopper, by problem.

Against a real Postgres: one of its own, or that of `--postgres`, an empty database. A shop's events are
stored for some thousand visitors, a third of them signed in; then shoppers are asked about, one after the
other, with nothing in flight and with twenty events in flight: `first`, when these were not there at the
last question, and `again`. Microseconds; the last line printed is one JSON object.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn
from psycopg2.extras import Json

from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.gold.features.event import EVENT, table_of
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.embedded import running_stack
from pipelines.runtime.features.feed import Feed
from pipelines.runtime.features.tables import make_tables
from pipelines.runtime.features.upsert import upsert
from serving.scoring.question import Question
from serving.state.shopper import ShopperState
from serving.state.store import Store
from tests.benchmarks.ingest import Bench, tell
from tests.records import CLICK, reader_of

_KINDS = ("product_view",) * 6 + ("page_view",) * 3 + ("add_to_cart", "cart_view", "search", "purchase")
_PARTITIONS = 8
_DAY = 86_400_000_000
_IN_FLIGHT = 20


def stored_events(count: int, visitors: int, *, now: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Feature events of the last days, the newest ones closest together."""
    for number in range(count):
        visitor = chance.randrange(visitors)
        yield (
            dict.fromkeys(EVENT.names)
            | shopper(visitor)
            | {
                "kind": chance.choice(_KINDS),
                "event_id": f"stored-{number}",
                "occurred_at": now - int(chance.expovariate(1 / (3 * _DAY))),
                "product_id": f"product-{chance.randrange(500)}",
                "category": f"category.{chance.randrange(9)}",
                "element": chance.choice(["sort_by", "image_picker", None]),
                "price_minor": chance.randrange(100, 9_999),
                "device_class": "mobile",
                "traffic_medium": "cpc",
            }
        )


def shopper(visitor: int) -> dict[str, Any]:
    """The ids of a visitor, every third of whom is signed in."""
    user = f"user-{visitor}" if visitor % 3 == 0 else None
    return {"visitor_id": f"visitor-{visitor}", "session_id": f"session-{visitor}", "user_id": user}


def fill(address: PostgresAddress, events: Sequence[dict[str, Any]]) -> None:
    """Make the tables, and store the events in all sets."""
    table = table_of(events)
    with connect(address) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            for one in all_sets().values():
                make_tables(cursor, one)
                upsert(cursor, one, partials_of(one, table), batch_id=1)
            cursor.execute("update features.sets set live_from_batch = 1")
            cursor.execute(
                "insert into features.links (visitor_id, user_id, first_known_at) "
                "select distinct visitor_id, 'user-' || substr(visitor_id, 9), now() from features.twin_v1 "
                "where substr(visitor_id, 9)::integer % 3 = 0"
            )
            positions = {
                topic: dict.fromkeys(map(str, range(_PARTITIONS)), 0) for topic in ("clicks", "orders")
            }
            cursor.execute(
                "insert into features.batches (batch_id, positions, is_exact) values (1, %s, true)",
                (Json(positions),),
            )


class Clicks:
    """Records of Kafka, each in its place."""

    def __init__(self) -> None:
        self._ends = [0] * _PARTITIONS

    def of(self, visitor: int, count: int, *, now: int) -> list[KafkaRecord]:
        """The next clicks of one shopper."""
        return [self._next(visitor, now) for _ in range(count)]

    def _next(self, visitor: int, now: int) -> KafkaRecord:
        partition = visitor % _PARTITIONS
        offset = self._ends[partition]
        self._ends[partition] += 1
        click = {
            "event_id": f"click-{partition}-{offset}",
            "event_type": _KINDS[offset % 11],
            "occurred_at": now // 1_000,
            "product_id": f"product-{offset % 500}",
            "category": "category.1",
            "price_minor": 500,
            "page_url": f"https://shop.example/p/{offset % 500}?utm_source=newsletter&utm_medium=email",
            "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile",
        }
        value = json.dumps(CLICK | shopper(visitor) | click).encode()
        return KafkaRecord("clicks", partition, offset, now, b"", value, ())


def spread(taken: list[float]) -> dict[str, float]:
    """Median and 99th percentile, in microseconds."""
    ordered = sorted(taken)
    return {
        name: round(ordered[int(len(ordered) * share)] * 1e6, 1)
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def timed(work: Callable[[], Any]) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def known_micros(
    state: ShopperState, problem: Problem, visitors: Sequence[int], *, clicks: Clicks | None = None
) -> dict[str, Any]:
    """What it takes to know each of these shoppers; with `clicks`, after twenty more of theirs."""
    first, again = [], []
    for visitor in visitors:
        now = time.time_ns() // 1_000
        if clicks is not None:
            list(state.feed.take(clicks.of(visitor, _IN_FLIGHT, now=now)))
            state.feed.caught_up(now)
        keys = shopper(visitor) | {"product_id": f"product-{visitor % 500}"}
        question = Question("d", problem, now, keys)
        first.append(timed(lambda question=question: state.known(question)))  # type: ignore[misc]
        again.append(timed(lambda question=question: state.known(question)))  # type: ignore[misc]
        if clicks is not None:
            state.feed.overlay.release(state.feed.overlay.reached)
    return spread(first + again) if clicks is None else {"first": spread(first), "again": spread(again)}


def record_micros(feed: Feed, count: int) -> dict[str, float]:
    """What it takes to take in a record, of any shopper, one in fifty twice."""
    clicks, now = Clicks(), time.time_ns() // 1_000
    records = [one for number in range(count) for one in clicks.of(number * 7 % 5_003, 1, now=now)]
    for place in range(0, count - 50, 50):
        records[place] = records[place]._replace(value=records[place + 49].value)
    taken = []
    for one in records:
        taken.append(timed(lambda one=one: list(feed.take([one]))))  # type: ignore[misc]
    return spread(taken)


def measured(address: PostgresAddress, asked: argparse.Namespace) -> dict[str, Any]:
    """All measurements."""
    now, chance = time.time_ns() // 1_000, random.Random(7)
    tell(f"storing {asked.events:,} events")
    fill(address, list(stored_events(asked.events, asked.visitors, now=now, chance=chance)))
    problems = all_problems()
    start = {(topic, number): 0 for topic in ("clicks", "orders") for number in range(_PARTITIONS)}
    with closing(Store(address, [one.sets for one in problems.values()])) as store:
        store.start(wait_seconds=30)
        found: dict[str, Any] = {"record_us": record_micros(_feed(start), 20_000), "known_us": {}}
        for name, problem in problems.items():
            visitors = [chance.randrange(asked.visitors) for _ in range(asked.questions)]
            idle = known_micros(ShopperState(store, _feed(start)), problem, visitors)
            busy = known_micros(ShopperState(store, _feed(start)), problem, visitors, clicks=Clicks())
            found["known_us"][name] = {"0": idle, str(_IN_FLIGHT): busy}
    return found


def _feed(since: dict[tuple[str, int], int]) -> Feed:
    return Feed(reader_of(), all_sets().values(), since=since)


@contextmanager
def _postgres(dsn: str | None) -> Iterator[PostgresAddress]:
    if dsn is not None:
        given = parse_dsn(dsn)
        yield PostgresAddress(
            given["host"], int(given["port"]), given["dbname"], given["user"], given["password"]
        )
        return
    with tempfile.TemporaryDirectory(prefix="clicklake-bench-") as folder:
        bench = Bench(Path(folder))
        with running_stack(bench.settings, names=bench.names) as services:
            yield services.postgres.address()


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="a libpq address of an empty database, instead of one of its own")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--visitors", type=int, default=3_000)
    parser.add_argument("--questions", type=int, default=1_000)
    asked = parser.parse_args()
    with _postgres(asked.postgres) as address:
        json.dump(measured(address, asked), sys.stdout)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
