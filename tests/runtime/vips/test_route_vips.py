"""The job itself with real services: Real-Time Mode first, then its micro-batch variant goes on."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.postgres import connect
from pipelines.contracts.avro import encode_avro
from pipelines.contracts.topics import all_topics
from tests.runtime.vips.users import write_users

pytestmark = [pytest.mark.spark, pytest.mark.services]

TOPICS = ("vip_actions", "vip_dead_letters", "vip_results")
REPOSITORY = Path(__file__).parents[3]
REFRESH_SECONDS = 5
FUNCTION = "named_struct('kind', upper(action))"
_LIMIT_SECONDS = 60


def shout(action: dict) -> dict:
    """What a user would supply."""
    return {"who": action["name"], "kind": action["kind"]}


class Outcome:
    """Everything that the route has written, as it comes."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = KafkaConsumer(*TOPICS, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        self.records = []

    def poll(self) -> None:
        """Take in what has come."""
        for polled in self._consumer.poll(timeout_ms=100).values():
            self.records += polled

    def until(self, expected: list[tuple]) -> list[tuple]:
        """Wait until all that is expected is there; what is, without what probes have caused."""
        deadline = time.monotonic() + _LIMIT_SECONDS
        while not set(expected) <= set(found := shown(self.records)):
            assert time.monotonic() < deadline, found
            self.poll()
        return found


@contextmanager
def running(settings, *arguments: str, python: bool = False) -> Iterator[subprocess.Popen]:
    ports = (f"{one}.port={getattr(settings, one).port}" for one in ("kafka", "postgres", "mlflow"))
    own = (f"vip.refresh_seconds={REFRESH_SECONDS}", f"vip.function={FUNCTION}")
    extra = (f"vip.python_function={__name__}:shout",) if python else ()
    overrides = [f"var_dir={settings.var_dir}", *ports, *own, *extra]
    environment = os.environ | {"CLICKLAKE_SET": "\n".join(overrides), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "jobs.route_vips", *arguments]
    job = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield job
    finally:
        job.terminate()
        said = job.communicate(timeout=60)[1]
        assert job.returncode == 0, said[-2000:]


def click(user: str, action: str) -> bytes:
    return json.dumps({"user_id": user, "page": "/p", "action": action, "device": "d", "agent": "a"}).encode()


def in_avro(user: str) -> bytes:
    made = {"event_id": "e", "event_type": "search", "occurred_at": datetime.now(UTC), "visitor_id": "v"}
    return encode_avro(made | {"user_id": user, "page_url": "/p"}, all_topics()["clicks"])


def shown(records) -> list[tuple]:
    """Actions without what differs from run to run, and dead letters with their reason."""
    return sorted(
        (record.topic, record.value.decode(errors="replace"))
        if record.topic != "vip_actions"
        else (record.topic, *(json.loads(record.value).get(name) for name in ("user_id", "name", "kind")))
        for record in records
        if b"probe" not in record.value.lower()
    )


def until_answered(producer: Producer, outcome: Outcome, user: str) -> float:
    """Send clicks of the user until one is an action; how long that took, in seconds."""
    began = time.monotonic()
    while time.monotonic() < began + _LIMIT_SECONDS:
        producer.send("clicks", key=user.encode(), value=click(user, "probe"))
        producer.flush()
        time.sleep(0.2)
        outcome.poll()
        if any(record.topic == "vip_actions" and user.encode() in record.value for record in outcome.records):
            return time.monotonic() - began
    raise AssertionError(f"no action of {user}")


def test_vips_are_routed_in_both_modes(stack, stack_settings, stack_names):
    ensure_topics(stack.kafka, planned_topics(["vip_results"]), partitions=2, max_message_bytes=8_388_608)
    outcome = Outcome(stack.kafka)
    values = [click("u1", "buy"), in_avro("u1"), click("u9", "buy"), b"{broken", b""]
    expected = [
        ("vip_actions", "u1", "U1", "BUY"),
        ("vip_actions", "u1", "U1", "SEARCH"),
        ("vip_dead_letters", ""),
        ("vip_dead_letters", "{broken"),
    ]
    results = [
        ("vip_results", json.dumps({"who": "U1", "kind": kind}, separators=(",", ":")))
        for kind in ("BUY", "SEARCH")
    ]
    with Producer(stack.kafka, max_message_bytes=2**20, linger_ms=0) as producer:

        def sent_all() -> None:
            for value in values:
                producer.send("clicks", key=b"k", value=value)
            producer.flush()

        with running(stack_settings):
            time.sleep(5)
            write_users(stack_names, {"u1": "PLATINUM", "u2": "GOLD"})
            until_answered(producer, outcome, "u1")
            sent_all()
            assert outcome.until(expected) == expected
            write_users(stack_names, {"u2": "PLATINUM"})
            assert until_answered(producer, outcome, "u2") < REFRESH_SECONDS + 5
        outcome.records = []
        sent_all()
        with running(stack_settings, "--micro-batch", python=True):
            outcome.until([*expected, *results])
    with connect(stack.postgres.address()) as connection, connection.cursor() as cursor:
        cursor.execute("select name, level from dashboard.vips_online where user_id = 'u1'")
        assert cursor.fetchall() == [("U1", "PLATINUM")]
        cursor.execute("select sum(records) from dashboard.vip_dead_letters where reason = 'invalid_json'")
        assert cursor.fetchone()[0] >= 1
