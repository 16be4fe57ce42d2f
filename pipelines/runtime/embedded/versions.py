"""Which releases of the services answer, for a report."""

import re
from contextlib import closing

import psycopg2

from pipelines.errors import ServiceError
from pipelines.runtime.embedded.endpoints import Endpoints, PostgresEndpoint
from pipelines.runtime.embedded.jars import listed_jars
from pipelines.runtime.embedded.kafka import broker_version
from pipelines.runtime.embedded.mlflow import server_version

_BROKER_JAR = re.compile(r"kafka_[\d.]+-(.+)\.jar")
_CONNECT_SECONDS = 5


def service_versions(endpoints: Endpoints) -> dict[str, str]:
    """Service name to release. Raises `ServiceError` when one does not answer.

    A broker tells no more than what its protocol gives away (`4.3`); the embedded one's is exact.
    """
    kafka = broker_version(endpoints.kafka)
    exact = [match[1] for match in map(_BROKER_JAR.fullmatch, listed_jars("kafka")) if match]
    return {
        "kafka": exact[0] if exact and "kafka" in endpoints.embedded else kafka,
        "postgres": _postgres_version(endpoints.postgres),
        "mlflow": server_version(endpoints.mlflow),
    }


def _postgres_version(endpoint: PostgresEndpoint) -> str:
    try:
        with (
            closing(
                psycopg2.connect(**endpoint.connect_kwargs(), connect_timeout=_CONNECT_SECONDS)
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SHOW server_version")
            row = cursor.fetchone()
    except psycopg2.OperationalError as error:
        raise ServiceError(
            f"PostgreSQL at {endpoint.host}:{endpoint.port} does not answer: {' '.join(str(error).split())}."
        ) from None
    return str(row[0]) if row else "unknown"
