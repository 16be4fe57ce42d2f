"""The real services keep what is asked of them: clocks, limits, passwords, versions."""

import os
import time
import urllib.request

import psutil
import psycopg2
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from pipelines.runtime import embedded
from pipelines.runtime.embedded.state import StateFile
from tests.runtime.own_stack import produce_one, query, read_all

pytestmark = pytest.mark.services


def test_kafka_stamps_records_with_the_broker_s_clock(stack):
    before = time.time() * 1000
    produce_one(stack, "stack_clock", value=b"x", timestamp_ms=1_000)
    (record,) = read_all(stack, "stack_clock")
    assert record.timestamp_type == 1, "not LogAppendTime"
    assert before - 1000 <= record.timestamp <= time.time() * 1000 + 1000


def test_kafka_takes_a_message_of_five_megabytes(stack):
    produce_one(stack, "stack_large", value=os.urandom(5 << 20))
    (record,) = read_all(stack, "stack_large")
    assert len(record.value) == 5 << 20


def test_kafka_makes_no_topic_by_itself(stack):
    producer = KafkaProducer(bootstrap_servers=stack.kafka, max_block_ms=1500)
    with pytest.raises(KafkaError):
        producer.send("never_made", b"x")
    producer.close()
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    assert "never_made" not in admin.list_topics()
    admin.close()


def test_postgres_asks_for_the_password_and_gives_a_plain_owner(stack):
    wrong = {**stack.postgres.connect_kwargs(), "password": "wrong"}
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**wrong)
    superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    assert query(stack, superuser) == [(False,)]
    assert query(stack, "SELECT current_database(), current_setting('TimeZone')") == [("clicklake", "UTC")]
    assert query(stack, "SHOW password_encryption") == [("scram-sha-256",)]


def test_mlflow_keeps_runs_and_serves_artifacts(stack):
    """By its REST interface: the client's import takes longer than the question."""

    def call(path: str, body: bytes | None = None, method: str = "GET") -> bytes:
        request = urllib.request.Request(stack.mlflow + path, data=body, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    made = call("/api/2.0/mlflow/experiments/create", b'{"name": "stack"}', "POST")
    assert b"experiment_id" in made
    artifact = "/api/2.0/mlflow-artifacts/artifacts/stack/a.txt"
    call(artifact, b"kept", "PUT")
    assert call(artifact) == b"kept"


def test_versions_are_told(stack):
    versions = embedded.service_versions(stack)
    assert versions == {"kafka": "4.3.1", "postgres": versions["postgres"], "mlflow": "3.17.2"}
    assert versions["postgres"].startswith("18.")


def test_no_secret_is_in_the_state_file_or_in_a_process_s_arguments(stack, stack_names):
    password = stack.postgres.password.reveal()
    assert password not in StateFile(names=stack_names).path.read_text()
    assert (stack_names.secrets / "postgres").stat().st_mode & 0o777 == 0o600
    assert password not in repr(stack)
    for record in StateFile(names=stack_names).read().values():
        assert password not in " ".join(psutil.Process(record.process.pid).cmdline())
