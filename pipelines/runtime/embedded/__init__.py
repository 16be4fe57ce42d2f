"""The services of one machine: Kafka, PostgreSQL and MLflow as child processes, and the jars."""

from pipelines.runtime.embedded.endpoints import Endpoints, PostgresEndpoint
from pipelines.runtime.embedded.jars import ensure_jars
from pipelines.runtime.embedded.stack import (
    ServiceStatus,
    broker_of,
    down,
    endpoints,
    postgres_endpoint,
    running_stack,
    status,
    up,
)
from pipelines.runtime.embedded.tracking_endpoint import mlflow_endpoint
from pipelines.runtime.embedded.versions import service_versions

__all__ = [
    "Endpoints",
    "PostgresEndpoint",
    "ServiceStatus",
    "broker_of",
    "down",
    "endpoints",
    "ensure_jars",
    "mlflow_endpoint",
    "postgres_endpoint",
    "running_stack",
    "service_versions",
    "status",
    "up",
]
