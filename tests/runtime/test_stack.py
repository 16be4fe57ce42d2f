"""The real services: started together, found, killed, brought up again, brought down."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import psycopg2
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime import embedded
from pipelines.runtime.embedded import processes
from pipelines.runtime.embedded.state import StateFile
from tests.conftest import open_folder, settings_below

pytestmark = pytest.mark.services
SERVICES = ("kafka", "postgres", "mlflow")


class Own:
    """A stack that tests may harm."""

    def __init__(self, folder: Path, *further: str) -> None:
        self.settings = settings_below(folder / "var", *further)
        self.names = Names.of(var_dir=self.settings.var_dir, lake=None)

    def up(self) -> embedded.Endpoints:
        return embedded.up(self.settings, names=self.names)

    def down(self) -> list[str]:
        return embedded.down(self.settings, names=self.names)

    def endpoints(self) -> embedded.Endpoints:
        return embedded.endpoints(self.settings, names=self.names)

    def pids(self) -> dict[str, int]:
        return {name: record.process.pid for name, record in StateFile(names=self.names).read().items()}

    def overrides(self) -> list[str]:
        kafka, postgres, mlflow = self.settings.kafka, self.settings.postgres, self.settings.mlflow
        given = [f"var_dir={self.settings.var_dir}", f"kafka.bootstrap={kafka.bootstrap or 'null'}"]
        given += [f"mlflow.tracking_uri={mlflow.tracking_uri or 'null'}"]
        return [
            *given,
            f"kafka.port={kafka.port}",
            f"postgres.port={postgres.port}",
            f"mlflow.port={mlflow.port}",
        ]

    def cli(self, *arguments: str) -> list[str]:
        options = [part for setting in self.overrides() for part in ("--set", setting)]
        return [sys.executable, "-c", "from jobs.cli.main import main; main()", *options, *arguments]


@pytest.fixture(scope="module")
def own():
    """All three, embedded."""
    with open_folder() as folder:
        made = Own(folder)
        yield made
        made.down()


@pytest.fixture
def folder():
    with open_folder() as made:
        yield made


@pytest.fixture
def small(folder, stack):
    """PostgreSQL embedded, which starts in a second; the others are external, and the session's."""
    made = Own(folder, f"kafka.bootstrap={stack.kafka}", f"mlflow.tracking_uri={stack.mlflow}")
    yield made
    made.down()


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def query(endpoints: embedded.Endpoints, statement: str) -> list[tuple]:
    connection = psycopg2.connect(**endpoints.postgres.connect_kwargs())
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def produce_one(endpoints: embedded.Endpoints, topic: str, **record) -> object:
    admin = KafkaAdminClient(bootstrap_servers=endpoints.kafka)
    if topic not in admin.list_topics():
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=endpoints.kafka, max_request_size=16 << 20)
    try:
        return producer.send(topic, **record).get(timeout=20)
    finally:
        producer.close()


def read_all(endpoints: embedded.Endpoints, topic: str) -> list:
    consumer = KafkaConsumer(bootstrap_servers=endpoints.kafka, max_partition_fetch_bytes=16 << 20)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end, records = consumer.end_offsets([partition])[partition], []
    while len(records) < end:
        records += consumer.poll(timeout_ms=5000).get(partition, [])
    consumer.close()
    return records


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


def test_before_up_the_endpoints_say_what_to_do(tmp_path):
    with pytest.raises(ServiceError, match="kafka is not running: start it with `clicklake up`"):
        Own(tmp_path).endpoints()


def test_services_outlive_up_and_a_down_from_elsewhere_ends_all(own):
    run(own.cli("up"))
    pids = own.pids()
    families = [psutil.Process(pid) for pid in pids.values()]
    families += [child for process in families for child in process.children(recursive=True)]
    assert set(pids) == set(SERVICES)
    assert run(own.cli("status")).count("running") == 3
    run(own.cli("down"))
    assert [process for process in families if process.is_running()] == []
    with pytest.raises(ServiceError, match="not running"):
        own.endpoints()
    assert "Nothing was running" in run(own.cli("down"))


def test_up_after_kill_nine_of_each_recovers_with_the_data(own):
    before = own.up()
    produce_one(before, "kept", value=b"kept")
    query(before, "CREATE TABLE kept AS SELECT 'kept' AS word")
    pids = own.pids()
    for name in SERVICES:
        os.kill(pids[name], signal.SIGKILL)
        psutil.Process(pids[name]).wait(10)
    with pytest.raises(ServiceError, match=f"kafka is not running, its process {pids['kafka']} has ended"):
        own.endpoints()
    after = own.up()
    assert after == before
    assert set(own.pids().values()).isdisjoint(pids.values())
    assert [record.value for record in read_all(after, "kept")] == [b"kept"]
    assert query(after, "SELECT word FROM kept") == [("kept",)]


def test_a_second_up_is_harmless(own):
    first, pids = own.up(), own.pids()
    assert own.up() == first == own.endpoints()
    assert own.pids() == pids


def test_services_that_nothing_tells_of_any_more_are_found_and_ended(own):
    own.up()
    families = [psutil.Process(pid) for pid in own.pids().values()]
    StateFile(names=own.names).path.unlink()
    assert sorted(own.down()) == sorted(SERVICES)
    assert [process for process in families if process.is_running()] == []


def test_external_services_are_used_and_left_alone(small, stack):
    endpoints = small.up()
    assert (endpoints.kafka, endpoints.mlflow) == (stack.kafka, stack.mlflow)
    assert endpoints.embedded == {"postgres"}
    states = {row.name: row.state for row in embedded.status(small.settings, names=small.names)}
    assert states == {"kafka": "external", "postgres": "running", "mlflow": "external"}
    assert small.down() == ["postgres"]
    assert embedded.service_versions(stack)["kafka"] == "4.3.1"


def test_a_stale_postmaster_pid_of_another_living_program_is_no_obstacle(small):
    small.up()
    pid = small.pids()["postgres"]
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait(10)
    lock = (small.names.services / "postgres").resolve() / "data" / "postmaster.pid"
    lock.write_text("\n".join([str(os.getpid()), *lock.read_text().splitlines()[1:]]) + "\n")
    assert query(small.up(), "SELECT 1") == [(1,)]


def test_a_lost_state_file_does_not_stop_up(small):
    small.up()
    orphan = psutil.Process(small.pids()["postgres"])
    StateFile(names=small.names).path.unlink()
    assert query(small.up(), "SELECT 1") == [(1,)]
    assert not orphan.is_running()


def test_two_ups_at_once_start_one_stack(small):
    both = [subprocess.Popen(small.cli("up"), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert ["already running" in text for text in said].count(True) == 1
    pid = small.pids()["postgres"]
    assert all(str(pid) in text for text in said)


def test_a_held_port_makes_the_service_take_another(small):
    usual = small.settings.postgres.port
    with socket.create_server(("127.0.0.1", usual)):
        endpoints = small.up()
        assert endpoints.postgres.port != usual
        assert small.endpoints() == endpoints
        assert query(endpoints, "SELECT 1") == [(1,)]


def test_when_one_fails_what_was_started_is_stopped_and_its_log_is_shown(folder, stack, monkeypatch):
    monkeypatch.setattr("pipelines.runtime.embedded.mlflow._APPLICATION", "mlflow.no_such_module:app")
    broken = Own(folder, f"kafka.bootstrap={stack.kafka}")
    with pytest.raises(ServiceError, match=r"(?s)mlflow ended while starting.*no_such_module"):
        broken.up()
    assert broken.pids() == {}
    assert processes.marked(str(broken.names.services / "postgres")) == []


def test_running_stack_leaves_what_it_did_not_start(small):
    small.up()
    pids = small.pids()
    with embedded.running_stack(small.settings, names=small.names) as endpoints:
        assert query(endpoints, "SELECT 1") == [(1,)]
    assert small.pids() == pids
    assert query(small.endpoints(), "SELECT 1") == [(1,)]


HOLD = """
import sys, time
from pipelines.connectors.names import Names
from pipelines.runtime import embedded
from pipelines.settings import load_settings

settings = load_settings(overrides=sys.argv[1:])
with embedded.running_stack(settings, names=Names.of(var_dir=settings.var_dir, lake=None)):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_running_stack_cleans_up_when_it_is_told_to_end(small, number, code):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, *small.overrides()],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.stdout.readline() == b"up\n"
    started = psutil.Process(small.pids()["postgres"])
    os.killpg(child.pid, number)  # as a terminal does: to the whole foreground group
    assert child.wait(60) == code
    child.stdout.close()
    assert not started.is_running()
    assert small.pids() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_folder_that_the_account_cannot_reach(folder, stack):
    """A clone below /root: the data lies elsewhere, no permission of a parent is changed."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    made = Own(closed, f"kafka.bootstrap={stack.kafka}", f"mlflow.tracking_uri={stack.mlflow}")
    link = made.names.services / "postgres"
    try:
        query(made.up(), "CREATE TABLE kept AS SELECT 'kept' AS word")
        assert link.is_symlink()
        assert closed.stat().st_mode & 0o777 == 0o700
        made.down()
        assert query(made.up(), "SELECT word FROM kept") == [("kept",)]
        made.down()
        shutil.rmtree(made.names.services)
        shutil.rmtree(made.names.secrets)
        assert query(made.up(), "SELECT to_regclass('kept')") == [(None,)], "data of a deleted run"
    finally:
        made.down()
        shutil.rmtree(link.resolve())
