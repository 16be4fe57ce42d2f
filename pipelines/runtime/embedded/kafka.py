"""The embedded broker: one KRaft node, storage formatted once, the broker's clock in every record."""

import base64
import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

import structlog
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import ports
from pipelines.runtime.embedded.jars import JarSet, ensure_jars
from pipelines.runtime.embedded.java import java_executable
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.embedded.service import Launch
from pipelines.settings.tree import Kafka

_NODE_ID = 1
_log = structlog.get_logger(__name__)


class EmbeddedKafka:
    """A `Service`. Data in `services/kafka/data`, jars from the cache's set `kafka`."""

    name = "kafka"
    stop_signal = signal.SIGTERM
    limit_seconds = 90.0

    def __init__(self, *, settings: Kafka, names: Names) -> None:
        self._settings = settings
        self._names = names
        self._folder = names.services / "kafka"
        self.usual_port = settings.port
        self.log = names.logs / "kafka.log"
        self.mark = str(names.services / self.name)

    def prepare(self, *, progress: Progress) -> None:
        """Fetch the jars and format the storage, where that has not been done."""
        ensure_jars("kafka", names=self._names, progress=progress)
        self._folder.mkdir(parents=True, exist_ok=True)
        if not (self._data / "meta.properties").is_file():
            progress(self.name, "formatting its storage")
            self._format()

    def launch(self, port: int) -> Launch:
        """The broker; its second port, for the controller, is chosen here."""
        controller_port = ports.choose(preferred=(), taken=frozenset([port]))
        self._write_properties(data=self._data, port=port, controller_port=controller_port)
        heap = f"-Xmx{self._settings.heap_mb}m"
        flags = [heap, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", *_LOG_FLAGS]
        return Launch([*self._java(*flags), "kafka.Kafka", str(self._properties)])

    def answers(self, port: int) -> bool:
        """Whether the broker is registered and unfenced."""
        return broker_answers(f"{ports.LOCALHOST}:{port}", timeout_seconds=3.0)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _java(self, *flags: str) -> list[str]:
        jars = os.pathsep.join(str(path) for path in JarSet.of("kafka", names=self._names).paths())
        return [str(java_executable()), *flags, "-cp", jars]

    def _format(self) -> None:
        """Into a folder beside, renamed when complete, so that a broken-off formatting is never used."""
        partial = self._folder / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        self._write_properties(data=partial, port=self.usual_port, controller_port=self.usual_port + 1)
        cluster = _cluster_id()
        tool = [*self._java("-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [*tool, "-t", cluster, "-c", str(self._properties)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ServiceError(f"Kafka's storage in {self._data} cannot be formatted: {done.stderr.strip()}")
        partial.rename(self._data)

    def _write_properties(self, *, data: Path, port: int, controller_port: int) -> None:
        values = {
            **_FIXED_PROPERTIES,
            "controller.quorum.voters": f"{_NODE_ID}@{ports.LOCALHOST}:{controller_port}",
            "listeners": f"PLAINTEXT://{ports.LOCALHOST}:{port},CONTROLLER://{ports.LOCALHOST}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{ports.LOCALHOST}:{port}",
            "log.dirs": str(data),
            "num.partitions": str(self._settings.partitions),
            "message.max.bytes": str(self._settings.max_message_bytes),
            "replica.fetch.max.bytes": str(self._settings.max_message_bytes),
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in values.items()))


_LOG_FLAGS = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
]

_FIXED_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": str(_NODE_ID),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.message.timestamp.type": "LogAppendTime",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",  # a killed scorer's partitions are to move within seconds
}


def broker_answers(bootstrap: str, *, timeout_seconds: float) -> bool:
    """Whether an admin client reaches a broker that may be written to."""
    try:
        with _admin(bootstrap, timeout_seconds) as admin:
            return any(not broker.get("is_fenced", False) for broker in admin.describe_cluster()["brokers"])
    except (KafkaError, OSError) as error:
        _log.debug("kafka_gives_no_answer", bootstrap=bootstrap, error=str(error))
        return False


def broker_version(bootstrap: str) -> str:
    """The broker's release, as its protocol tells it. Raises `ServiceError` when it does not answer."""
    try:
        with _admin(bootstrap, 5.0) as admin:
            release = admin._manager.broker_version  # inferred from the protocol; no public name
    except (KafkaError, OSError) as error:
        raise ServiceError(f"Kafka at {bootstrap} does not answer ({error}).") from None
    return ".".join(str(part) for part in release)


def _admin(bootstrap: str, timeout_seconds: float) -> KafkaAdminClient:
    milliseconds = int(timeout_seconds * 1000)
    return KafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=milliseconds, bootstrap_timeout_ms=milliseconds
    )


def _cluster_id() -> str:
    """A random id in Kafka's form; one that starts with a dash would be read as an option."""
    while (drawn := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return drawn
