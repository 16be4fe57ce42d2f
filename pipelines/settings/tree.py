"""The settings, as one frozen typed tree. What each key means is said in `conf/base.yaml`."""

from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Pace = Annotated[float, msgspec.Meta(ge=0)]


class Secret:
    """A string that never shows itself in a repr, a log or an error. Read it with `reveal()`."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the sections: frozen, and an unknown key is an error."""


class Log(_Section, frozen=True):
    """How the processes log. `json` is one object a line on stderr."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["console", "json"]


class Kafka(_Section, frozen=True):
    """The broker. `bootstrap` null starts the embedded one on `port`, or on a free port."""

    bootstrap: str | None
    port: Port
    partitions: Count
    heap_mb: Count
    max_message_bytes: Count


class Postgres(_Section, frozen=True):
    """The database. `host` null starts the embedded one; `password` null generates one for it."""

    host: str | None
    port: Port
    database: str
    user: str
    password: Secret | None


class Mlflow(_Section, frozen=True):
    """The tracking server. `tracking_uri` null starts the embedded one."""

    tracking_uri: str | None
    port: Port


class Spark(_Section, frozen=True):
    """The Spark session. `master` null leaves the choice to spark-submit."""

    master: str | None
    driver_memory: str
    conf: dict[str, str]


class Stream(_Section, frozen=True):
    """The pace of one streaming query. `max_records` bounds the intake of one batch."""

    trigger_seconds: Pace
    max_records: Count


class Binding(_Section, frozen=True):
    """A live topic whose messages have another shape, read through a mapping."""

    topic: str
    mapping: str


class Http(_Section, frozen=True):
    """The web door and the live page."""

    host: str
    port: Port
    max_body_bytes: Count
    max_batch_events: Count
    events_per_second_per_client: Count
    cors_origins: list[str]


class Simulator(_Section, frozen=True):
    """The simulated shop of `clicklake simulate` and of the demo."""

    seed: int
    rate: Pace
    late_share: Share
    duplicate_share: Share
    broken_share: Share


class Settings(_Section, frozen=True):
    """Everything that may differ between deployments. See `conf/base.yaml` for each key."""

    var_dir: str
    lake: str | None
    log: Log
    kafka: Kafka
    postgres: Postgres
    mlflow: Mlflow
    spark: Spark
    bronze: Stream
    silver: Stream
    bindings: list[Binding]
    http: Http
    simulator: Simulator
