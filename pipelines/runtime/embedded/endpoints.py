"""Where the three services answer, whoever runs them."""

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import make_dsn

from pipelines.connectors.postgres import PostgresAddress
from pipelines.settings import Secret


@dataclass(frozen=True)
class PostgresEndpoint:
    """A PostgreSQL server over TCP, its database, and the user that clicklake is there."""

    host: str
    port: int
    database: str
    user: str
    password: Secret

    def connect_kwargs(self) -> dict[str, Any]:
        """Arguments of `psycopg2.connect`. They hold the password: never log them."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password.reveal(),
        }

    def address(self) -> PostgresAddress:
        """The same for the connectors."""
        return PostgresAddress(
            host=self.host,
            port=self.port,
            database=self.database,
            user=self.user,
            password=self.password.reveal(),
        )

    def dsn(self) -> str:
        """The same as one libpq connection string. It holds the password: never log it."""
        return str(make_dsn(**self.connect_kwargs()))


@dataclass(frozen=True)
class Endpoints:
    """Kafka's bootstrap list `host:port[,…]`, the database, and the MLflow tracking URI.

    `embedded` names those of `kafka`, `postgres`, `mlflow` that clicklake itself runs.
    """

    kafka: str
    postgres: PostgresEndpoint
    mlflow: str
    embedded: frozenset[str]
