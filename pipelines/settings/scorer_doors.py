"""The sections of the scorer's two doors: who may ask over HTTP, and how its replicas share Kafka."""

from typing import Annotated, Literal

import msgspec

from pipelines.settings.sections import Count, Port, Secret, Section

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
Session = Annotated[float, msgspec.Meta(ge=1, le=60)]


class ScorerHttp(Section, frozen=True):
    """Where callers ask. `api_keys`: one of them is asked for; null lets everybody ask."""

    host: str
    port: Port
    api_keys: list[Secret] | None
    max_body_bytes: Count
    max_batch: Count
    body_seconds: Seconds
    decisions_per_second_per_caller: Count
    valid_seconds: Seconds

    def __post_init__(self) -> None:
        if self.api_keys is not None and not all(
            key.reveal().strip() for key in self.api_keys or [Secret("")]
        ):
            raise ValueError("`api_keys` holds no key, or an empty one: null lets everybody ask")


class ScorerKafka(Section, frozen=True):
    """How replicas read and write. One that is not heard of for `session_seconds` loses its partitions."""

    client: Literal["confluent", "kafka-python"]
    group: str
    session_seconds: Session
    waiting_decisions: Count
