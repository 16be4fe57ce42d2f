"""The settings, as one frozen typed tree. What each key means is said in `conf/base.yaml`."""

from difflib import get_close_matches
from functools import cache
from typing import Annotated, Literal

import msgspec

from pipelines.contracts.topics import all_topics
from pipelines.settings.gold import Attribution, Features, Labels, Marts, Related, Vip
from pipelines.settings.models import Models
from pipelines.settings.scorer import Scorer
from pipelines.settings.sections import Count, Pace, Port, Secret, Section, Share

SHORTEST_KEY = 16
"""Characters of the key of pseudonyms."""


class Log(Section, frozen=True):
    """How the processes log. `json` is one object a line on stderr."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["console", "json"]


class Kafka(Section, frozen=True):
    """The broker. `bootstrap` null starts the embedded one on `port`, or on a free port."""

    bootstrap: str | None
    port: Port
    partitions: Count
    heap_mb: Count
    max_message_bytes: Count


class RolePasswords(Section, frozen=True):
    """Passwords of the database's roles beside the owner; null generates one."""

    writer: Secret | None
    scorer: Secret | None
    dashboard: Secret | None


class Postgres(Section, frozen=True):
    """The database. `host` null starts the embedded one; `password` null generates one for it."""

    host: str | None
    port: Port
    database: str
    user: str
    password: Secret | None
    role_passwords: RolePasswords


class Mlflow(Section, frozen=True):
    """The tracking server. `tracking_uri` null starts the embedded one."""

    tracking_uri: str | None
    port: Port


class Spark(Section, frozen=True):
    """The Spark session. `master` null leaves the choice to spark-submit."""

    master: str | None
    driver_memory: str
    conf: dict[str, str]


class Stream(Section, frozen=True):
    """The pace of a query that reads Kafka. `max_records` bounds the intake of one batch."""

    trigger_seconds: Pace
    max_records: Count


class TableStream(Section, frozen=True):
    """The pace of a query that reads a Delta table. `max_mib` bounds the files of one batch, compressed."""

    trigger_seconds: Pace
    max_mib: Count


class Schedule(Section, frozen=True):
    """When a job is due: `cron`, UTC, or each `every` seconds. `after`: jobs that it waits for."""

    cron: str | None = None
    every: Count | None = None
    after: list[str] = msgspec.field(default_factory=list)
    arguments: list[str] = msgspec.field(default_factory=list)
    limit_minutes: Count = 240


class Binding(Section, frozen=True):
    """A live topic whose messages have another shape, read through a mapping."""

    topic: str
    mapping: str


class Poll(Section, frozen=True):
    """A query of an existing database whose rows are the present versions of a topic's keys."""

    topic: str
    query: str
    every_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60
    deletes: bool = True


class PolledPostgres(Section, frozen=True):
    """The database that is polled. `host` null: clicklake's own server and account."""

    host: str | None
    port: Port
    database: str | None
    user: str | None
    password: Secret | None


class Http(Section, frozen=True):
    """The web door and the live page."""

    host: str
    port: Port
    max_body_bytes: Count
    max_batch_events: Count
    events_per_second_per_client: Count
    cors_origins: list[str]


class Simulator(Section, frozen=True):
    """The simulated shop of `clicklake simulate` and of the demo."""

    seed: int
    rate: Pace
    late_share: Share
    duplicate_share: Share
    broken_share: Share


class Privacy(Section, frozen=True):
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


class Settings(Section, frozen=True):
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
    labels: Labels
    marts: Marts
    related: Related
    models: Models
    scorer: Scorer
    vip: Vip
    bindings: list[Binding]
    polls: list[Poll]
    polled_postgres: PolledPostgres
    failpoints: list[str]
    schedules: dict[str, Schedule | None]
    privacy: Privacy
    http: Http
    simulator: Simulator
