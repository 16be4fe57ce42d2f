"""Services that somebody else runs, named by the settings."""

import psycopg2

from pipelines.errors import ServiceError, SettingsError
from pipelines.runtime.embedded import ports
from pipelines.runtime.embedded.endpoints import PostgresEndpoint
from pipelines.runtime.embedded.kafka import broker_answers
from pipelines.runtime.embedded.mlflow import server_answers
from pipelines.settings import Settings
from pipelines.settings.tree import Postgres

_CONNECT_SECONDS = 5


def external_services(settings: Settings) -> frozenset[str]:
    """Names of the services that the settings say are not ours to start."""
    given = {
        "kafka": settings.kafka.bootstrap,
        "postgres": settings.postgres.host,
        "mlflow": settings.mlflow.tracking_uri,
    }
    return frozenset(name for name, value in given.items() if value is not None)


def external_postgres(settings: Postgres) -> PostgresEndpoint:
    """The endpoint of the server named by the settings. Raises `SettingsError` without a password."""
    if settings.password is None:
        raise SettingsError(
            "postgres.password is null, but postgres.host names your own server: "
            "set it, for example to ${env:NAME}."
        )
    return PostgresEndpoint(
        host=settings.host or "",
        port=settings.port,
        database=settings.database,
        user=settings.user,
        password=settings.password,
    )


def problem_of(name: str, settings: Settings) -> str | None:
    """What is wrong with one external service, in a sentence, or none."""
    return {"kafka": _kafka_problem, "postgres": _postgres_problem, "mlflow": _mlflow_problem}[name](settings)


def require_external(settings: Settings) -> None:
    """Raise `ServiceError` for the first external service that cannot be reached."""
    for name in sorted(external_services(settings)):
        problem = problem_of(name, settings)
        if problem:
            raise ServiceError(problem)


def _kafka_problem(settings: Settings) -> str | None:
    bootstrap = settings.kafka.bootstrap or ""
    reachable = any(_accepts(server) for server in bootstrap.split(","))
    if reachable and broker_answers(bootstrap, timeout_seconds=_CONNECT_SECONDS):
        return None
    return (
        f"Kafka at {bootstrap} (kafka.bootstrap) does not answer: start it, correct the setting, "
        "or set it to null for an embedded broker."
    )


def _accepts(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    return port.isdecimal() and ports.accepts(host.strip("[]"), int(port), timeout_seconds=_CONNECT_SECONDS)


def _postgres_problem(settings: Settings) -> str | None:
    endpoint = external_postgres(settings.postgres)
    try:
        psycopg2.connect(**endpoint.connect_kwargs(), connect_timeout=_CONNECT_SECONDS).close()
    except psycopg2.OperationalError as error:
        return (
            f"PostgreSQL at {endpoint.host}:{endpoint.port} (postgres.host) does not let "
            f"user {endpoint.user} into {endpoint.database}: {' '.join(str(error).split())}."
        )
    return None


def _mlflow_problem(settings: Settings) -> str | None:
    uri = settings.mlflow.tracking_uri or ""
    if not uri.startswith(("http://", "https://")) or server_answers(uri, timeout_seconds=_CONNECT_SECONDS):
        return None
    return (
        f"MLflow at {uri} (mlflow.tracking_uri) does not answer: start it, correct the setting, "
        "or set it to null for an embedded server."
    )
