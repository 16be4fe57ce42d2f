"""The settings, as one frozen typed tree. What each key means is said in `conf/base.yaml`."""

from difflib import get_close_matches
from functools import cache
from typing import Annotated, Literal

import msgspec

from pipelines.contracts.topics import all_topics

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Pace = Annotated[float, msgspec.Meta(ge=0)]
SHORTEST_KEY = 16
"""Characters of the key of pseudonyms."""


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


class RolePasswords(_Section, frozen=True):
    """Passwords of the database's roles beside the owner; null generates one."""

    writer: Secret | None
    scorer: Secret | None
    dashboard: Secret | None


class Postgres(_Section, frozen=True):
    """The database. `host` null starts the embedded one; `password` null generates one for it."""

    host: str | None
    port: Port
    database: str
    user: str
    password: Secret | None
    role_passwords: RolePasswords


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
    """The pace of a query that reads Kafka. `max_records` bounds the intake of one batch."""

    trigger_seconds: Pace
    max_records: Count


class TableStream(_Section, frozen=True):
    """The pace of a query that reads a Delta table. `max_mib` bounds the files of one batch, compressed."""

    trigger_seconds: Pace
    max_mib: Count


class Attribution(_Section, frozen=True):
    """Who is credited with an order, and how long clicks and orders are waited for."""

    trigger_seconds: Pace
    max_records: Count
    partitions: Count
    look_back_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    late_seconds: Count
    long_look_back_days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    fit_days: Count
    keep_minutes_hours: Count


class Features(_Section, frozen=True):
    """The pace of the query that keeps every feature set. `max_mib` bounds the files of one batch."""

    trigger_seconds: Pace
    max_mib: Count
    keep_days: Count


class Schedule(_Section, frozen=True):
    """When a job is due: `cron`, UTC, or each `every` seconds. `after`: jobs that it waits for."""

    cron: str | None = None
    every: Count | None = None
    after: list[str] = []
    arguments: list[str] = []
    limit_minutes: Count = 240


class Marts(_Section, frozen=True):
    """What sessions, paths and cohorts are; another gap or number of steps makes all days anew."""

    session_gap_minutes: Count
    path_steps: Count
    cohort_period: Literal["week", "day"]


class Vip(_Section, frozen=True):
    """The route of VIPs' clicks. `function` is SQL; `python_function` is `module:name`."""

    levels: Annotated[list[Literal["BRONZE", "SILVER", "GOLD", "PLATINUM"]], msgspec.Meta(min_length=1)]
    refresh_seconds: Annotated[float, msgspec.Meta(ge=5)]
    batch_seconds: Pace
    driver_memory: str
    output_topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    output_format: Literal["json", "avro"]
    function: str | None
    python_function: str | None
    python_topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class Binding(_Section, frozen=True):
    """A live topic whose messages have another shape, read through a mapping."""

    topic: str
    mapping: str


class Poll(_Section, frozen=True):
    """A query of an existing database whose rows are the present versions of a topic's keys."""

    topic: str
    query: str
    every_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60
    deletes: bool = True


class PolledPostgres(_Section, frozen=True):
    """The database that is polled. `host` null: clicklake's own server and account."""

    host: str | None
    port: Port
    database: str | None
    user: str | None
    password: Secret | None


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


class Privacy(_Section, frozen=True):
    """Which fields silver replaces by pseudonyms, once there is a `key` to make them with."""

    key: Secret | None
    fields: list[str]

    def __post_init__(self) -> None:
        if self.key is not None and len(self.key.reveal().strip()) < SHORTEST_KEY:
            raise ValueError(
                f"its key has fewer than {SHORTEST_KEY} characters, so that it could be guessed: "
                "make one with `openssl rand -hex 32`"
            )
        known = _pseudonymous_fields()
        for name in self.fields:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean `{near[0]}`" if near else f"such are {', '.join(sorted(known))}"
                raise ValueError(f"`{name}` is no id or free text of the data contract; {hint}")


@cache
def _pseudonymous_fields() -> frozenset[str]:
    """Ids and texts of any record. A text with a fixed vocabulary would lose its meaning."""
    fields = [field for topic in all_topics().values() for field in (*topic.fields, *topic.lines)]
    return frozenset(field.name for field in fields if field.kind in ("id", "text") and not field.choices)


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
    silver: TableStream
    attribution: Attribution
    features: Features
    marts: Marts
    vip: Vip
    bindings: list[Binding]
    polls: list[Poll]
    polled_postgres: PolledPostgres
    failpoints: list[str]
    schedules: dict[str, Schedule | None]
    privacy: Privacy
    http: Http
    simulator: Simulator
