"""What the doors ask of the scorer, and of what is known. All of it in the loop's thread, without waiting."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.gold.features.values import Event
from serving.scoring.decision import Decision
from serving.scoring.known import Known
from serving.scoring.question import Question


class Scorer(Protocol):
    """Decides. A part that fails makes an answer stale or the stated default, never an error."""

    def decide(self, questions: Sequence[Question], *, door: str, now: int) -> list[Decision]:
        """One decision a question, in their order. `now`: UTC microseconds; `door`: a word of `DOORS`."""
        ...

    def known(self, sets: Sequence[str], keys: Mapping[str, str | None], at: int) -> Known:
        """What is known of the entities that `keys` name, as of `at`, UTC microseconds."""
        ...

    def explain(self, decision_id: str) -> object | None:
        """Why a decision was made, as msgspec encodes it; None unless it is one of the last made here."""
        ...


class Feed(Protocol):
    """The way of Kafka's records into what is known: `pipelines.runtime.features.feed`."""

    def begin(self, since: Vector) -> None:
        """Follow these partitions, from anew where they were followed: what is below `since` is the store's.

        Their records come from as far before as silver looks for duplicates.
        """
        ...

    def leave(self, places: Iterable[tuple[str, int]]) -> None:
        """Follow these partitions no longer, and forget what they said."""
        ...

    def take(self, records: Sequence[KafkaRecord]) -> Iterator[tuple[KafkaRecord, Sequence[Event]]]:
        """Each record and its new events, just before they count: a question does not see its own event."""
        ...

    def caught_up(self, at: int) -> None:
        """All that the partitions held at that moment, UTC microseconds, has been taken."""
        ...
