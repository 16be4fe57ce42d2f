"""A scorer that counts in place of a model, and a replica of the Kafka door around it."""

import asyncio
import json
import sys
import threading
import time
import uuid

import msgspec

from pipelines.connectors.kafka import Producer, end_offsets
from pipelines.connectors.kafka_reader import records_between
from pipelines.contracts.positions import nested
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.runtime.features.feed import Feed
from pipelines.silver.reading import RecordReader
from serving.doors.clients import CLIENTS
from serving.doors.clients.interface import Membership
from serving.doors.identity import Identity
from serving.doors.log import DecisionLog
from serving.doors.meters import Meters
from serving.doors.stream.door import KafkaDoor
from serving.scoring.decision import Decision, wire_time
from serving.scoring.known import Known

TOPICS = ("clicks", "orders")
SESSION = 2.0
PROBLEM = all_problems()["checkout_purchase"]


def unchanged(_table, _row):
    """No enrichment."""


class CountingScorer:
    """Its features are how many events of the visitor are known; without a model, the stated default."""

    def __init__(self, feed=None):
        self.feed = feed
        self.fails = False
        self.answered: dict[str, Decision] = {}

    def decide(self, questions, *, door, now):
        return [self._decide(one, door, now) for one in questions]

    def _decide(self, question, door, now):
        if self.fails:
            raise RuntimeError("no answer")
        known = self.known(("user",), question.keys, question.at)
        about = question.about or {}
        made = Decision(
            event_id=question.decision_id,
            visitor_id=question.keys["visitor_id"],
            session_id=question.keys.get("session_id"),
            occurred_at=wire_time(now),
            problem=question.problem.name,
            problem_version=question.problem.version,
            door=door,
            action="nothing",
            reason="default",
            about_event=about.get("event_id"),
            about_topic=about.get("topic"),
            about_partition=about.get("partition"),
            about_offset=about.get("offset"),
            products='["p1"]',
            stale='[["model",null]]',
            features=json.dumps(dict(known.features)),
            positions=json.dumps(nested(known.positions)),
            added_events=json.dumps([one["event_id"] for one in question.added]),
        )
        self.answered[question.decision_id] = made
        return made

    def known(self, sets, keys, at):
        seen = 0
        if self.feed is not None:
            visitor = keys["visitor_id"]
            seen = self.feed.overlay.added(all_sets()["user"], (visitor,), beyond={}).events
        return Known({"seen": seen}, {("clicks", 0): 3}, None, seen, is_whole=True)

    def explain(self, decision_id):
        made = self.answered.get(decision_id)
        return None if made is None else {"decision_id": decision_id, "contributions": {"seen": 0.5}}


class Replica:
    """The Kafka door in a thread of its own loop."""

    def __init__(self, bootstrap, group, client="confluent", *, store=dict, fails=False):
        self.bootstrap, self.group, self.client, self.store = bootstrap, group, CLIENTS[client], store
        self.fails = fails
        self.loop = asyncio.new_event_loop()
        self.door = None
        self._running = threading.Event()
        self._thread = threading.Thread(target=lambda: self.loop.run_until_complete(self._run()))

    def __enter__(self):
        self._thread.start()
        assert self._running.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(15)
        assert not self._thread.is_alive()

    async def _run(self):
        self._stopped = asyncio.Event()
        reader = RecordReader({}, unchanged)
        sets = [all_sets()["user"]]
        self.feed, self.meters = Feed(reader, sets, since={}), Meters()
        self.scorer = CountingScorer(self.feed)
        self.scorer.fails = self.fails
        self.log = DecisionLog(
            self.client.writer,
            self.bootstrap,
            loop=self.loop,
            meters=self.meters,
            max_message_bytes=1_000_000,
            most_waiting=1_000,
        )
        self.door = KafkaDoor(
            scorer=self.scorer,
            feed=self.feed,
            store_positions=self.store,
            log=self.log,
            problems=[PROBLEM],
            identity=Identity(None, reader, reader),
            meters=self.meters,
        )
        member = Membership(self.bootstrap, self.group, "replica", SESSION)
        self.door.start(self.client.reader, member, TOPICS)
        self._running.set()
        await self._stopped.wait()
        await self.door.stop()
        await self.log.close(seconds=3)

    def wait_ready(self, seconds=10.0):
        """Until all that Kafka holds has been read."""
        wait_for(lambda: self.door.problem() is None, seconds)
        return self


def wait_for(found, seconds=10.0):
    """What `found` gives, once that is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


class Shop:
    """Writes what visitors of its own do; reads what was decided about them."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.mark = uuid.uuid4().hex[:8]
        self.starts = end_offsets(bootstrap, ["decisions"])
        self.partitions = len(end_offsets(bootstrap, ["clicks"]))
        self.producer = Producer(bootstrap, max_message_bytes=1_000_000, linger_ms=0)

    def visitor(self, n):
        """The id of a visitor."""
        return f"{self.mark}-v{n}"

    def send(self, visitor, kind, *, event_id=None, partition=None):
        """One event of a visitor; its id."""
        event = {
            "event_id": event_id or uuid.uuid4().hex,
            "event_type": kind,
            "visitor_id": self.visitor(visitor),
            "session_id": "s1",
            "occurred_at": time.time_ns() // 1_000_000,
        }
        key, value = event["visitor_id"].encode(), msgspec.json.encode(event)
        self.producer.send("clicks", key=key, value=value, partition=partition)
        return event["event_id"]

    def checkouts(self, count, *, before=0):
        """So many visitors who go to the checkout after so many page views; the ids of what asks."""
        found = []
        for n in range(count):
            for _ in range(before):
                self.send(n, "page_view")
            found.append(self.send(n, "checkout_start"))
        self.producer.flush()
        return found

    def decisions(self, count=0, *, seconds=10.0):
        """Every record about its visitors, once there are so many."""

        def read():
            found = self._records()
            return found if len(found) >= count else None

        return wait_for(read, seconds)

    def _records(self):
        ends = end_offsets(self.bootstrap, ["decisions"])
        found = []
        for record in records_between(self.bootstrap, self.starts, ends):
            value = msgspec.json.decode(record.value)
            if value["visitor_id"].startswith(self.mark):
                found.append({**value, "partition": record.partition})
        return found


def main(bootstrap, group):
    """A replica as a process of its own, for tests that kill it."""
    with Replica(bootstrap, group) as replica:
        replica.wait_ready(20)
        print("ready", flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
