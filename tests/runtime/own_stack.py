"""A stack that tests may harm, and what they ask its services."""

import subprocess
import sys
from pathlib import Path

import psycopg2
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from pipelines.connectors.names import Names
from pipelines.runtime import embedded
from pipelines.runtime.embedded.state import StateFile
from tests.conftest import settings_below


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
