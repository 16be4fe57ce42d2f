"""What a streaming query is built from, and how the driver finds it."""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipelines.connectors.names import Names
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.streams.streaming import StreamSpec
from pipelines.settings import Settings
from pipelines.silver.reading import RecordReader


@dataclass(frozen=True)
class Site:
    """Where a driver runs: its session and settings, the lake, the services, the reader of records."""

    spark: SparkSession
    settings: Settings
    names: Names
    services: Endpoints
    reader: RecordReader

    @property
    def bound_topics(self) -> list[str]:
        """The topics that are read through a mapping."""
        return [one.topic for one in self.settings.bindings]


@dataclass(frozen=True)
class Query:
    """A streaming query that the driver runs. `follows` names those whose tables it reads."""

    name: str
    build: Callable[[Site], StreamSpec]
    follows: tuple[str, ...] = ()
