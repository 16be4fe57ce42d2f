"""Kafka as the scorer needs it, behind one small interface, whichever client library stands behind it.

librdkafka does its work outside of Python: it leaves the loop's thread the processor. kafka-python is pure
Python, for machines without librdkafka. Both pass the same tests.
"""

from serving.doors.clients.confluent import ConfluentReader
from serving.doors.clients.confluent_writer import ConfluentWriter
from serving.doors.clients.interface import Client
from serving.doors.clients.kafka_python import KafkaPythonReader
from serving.doors.clients.kafka_python_writer import KafkaPythonWriter

CLIENTS: dict[str, Client] = {
    "confluent": Client(ConfluentReader, ConfluentWriter),
    "kafka-python": Client(KafkaPythonReader, KafkaPythonWriter),
}
"""The clients by the word of the setting `scorer.kafka_client`."""
