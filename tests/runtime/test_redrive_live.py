"""Dead letters of a bound topic sent again through a real broker."""

import json
import uuid

import pytest

from jobs.entry import run_job
from jobs.redrive_dead_letters import run
from pipelines.connectors.kafka import Producer, TopicPlan, end_offsets, ensure_topics
from pipelines.connectors.kafka_reader import records_between
from pipelines.contracts.origin import Position, origins_in
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.redrive import (
    Selection,
)
from pipelines.runtime.redrive_run import redrive_lake
from pipelines.settings import load_settings
from tests.runtime.dead_letters import letter, write_lake

pytestmark = pytest.mark.services

SQL = """
-- @column id = id
-- @topic clicks
select _row, id as event_id, 'page_view' as event_type, '2024-01-01T00:00:00Z' as occurred_at,
  id as visitor_id from input where id <> 'skip'
"""


@pytest.fixture
def bound_topic(stack: Endpoints):
    name = f"redrive-{uuid.uuid4().hex}"
    ensure_topics(stack.kafka, [TopicPlan(name)], partitions=2, max_message_bytes=1_000_000)
    return name


@pytest.fixture
def settings_of(stack: Endpoints, tmp_path, bound_topic):
    mapping = tmp_path / "own.sql"
    mapping.write_text(SQL)
    return load_settings(
        overrides=[
            f"var_dir={tmp_path}",
            f"kafka.bootstrap={stack.kafka}",
            "postgres.host=127.0.0.1",
            "postgres.password=x",
            "mlflow.tracking_uri=http://127.0.0.1:1",
            f"bindings=[{{topic: {bound_topic}, mapping: {mapping}}}]",
        ]
    )


def test_sending_twice_sends_once_through_a_real_broker(
    stack: Endpoints, settings_of, bound_topic, tmp_path, capsys
):
    messages = [json.dumps({"id": name}).encode() for name in ("a", "b", "skip")]
    with Producer(stack.kafka, max_message_bytes=1_000_000) as producer:
        for n, message in enumerate(messages):  # another client's choice of the partition
            producer.send(bound_topic, key=b"same", value=message, headers=(("h", b""),), partition=n % 2)
        producer.flush()
    ends = end_offsets(stack.kafka, [bound_topic])
    landed = list(records_between(stack.kafka, {}, ends))
    letters = [
        letter(
            bound_topic,
            r.offset,
            r.value,
            "unmapped",
            key=r.key,
            partition=r.partition,
            headers=[{"key": key, "value": value} for key, value in r.headers],
        )
        for r in landed
    ]
    write_lake(tmp_path, letters, ends=ends)

    assert run_job(run, ["--reason", "unmapped", "--dry-run"], settings=settings_of) == 0
    dry = json.loads(capsys.readouterr().out)
    assert (dry["parse_now"], dry["sent"], dry["dry_run"]) == (2, 0, True)
    assert end_offsets(stack.kafka, [bound_topic]) == ends

    first = redrive_lake(settings_of, Selection(("unmapped",), bound_topic), limit=1)
    assert (first.as_data()["sent"], first.as_data()["parse_now"]) == (1, 2)
    assert run_job(run, ["--reason", "unmapped"], settings=settings_of) == 0
    second = json.loads(capsys.readouterr().out)
    assert second == {
        "selected": 3,
        "parse_now": 1,
        "sent": 1,
        "already_sent": 1,
        "still_bad": {"unmapped": 1},
        "dry_run": False,
    }
    third = redrive_lake(settings_of, Selection(("unmapped",)))
    assert (third.as_data()["sent"], third.as_data()["already_sent"]) == (0, 2)

    copies = list(records_between(stack.kafka, ends, end_offsets(stack.kafka, [bound_topic])))
    origins = {Position(r.topic, r.partition, r.offset): r for r in landed if b"skip" not in r.value}
    assert {origins_in(copy.headers)[0] for copy in copies} == set(origins)
    assert len(copies) == 2
    for copy in copies:
        original = origins[origins_in(copy.headers)[0]]
        for name in ("topic", "partition", "key", "value"):
            assert getattr(copy, name) == getattr(original, name)
        assert [tuple(header) for header in copy.headers][:-1] == [("h", b"")]

    assert run_job(run, [], settings=settings_of) == 0
    table = capsys.readouterr().out
    assert table.splitlines()[1].split()[:4] == ["unmapped", "3", "2", "0"]
