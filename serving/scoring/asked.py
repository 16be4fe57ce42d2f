"""What the doors ask of the scorer, and of what is known. All of it in the loop's thread, without waiting."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    """The way of Kafka's records into what is known, partition numbers of clicks and orders together."""

    def begin(self, partitions: Collection[int]) -> Vector | None:
        """Forget these partitions' events; the store's positions, behind which records are wanted.

        Records come from as far before them as silver looks for duplicates. None while the store's positions
        are not known: records come from where decisions are due, and it is asked again some seconds later.
        """
        ...

    def drop(self, partitions: Collection[int]) -> None:
        """Another replica has these partitions now: their events stay out from here on."""
        ...

    def events(self, records: Sequence[KafkaRecord]) -> Iterator[Sequence[Event]]:
        """The new events of each record that has any, record by record, just before they become known.

        As a record's events are given, what lies below its offset in its partition is known and they are not.
        They are taken in as the next ones are asked for; the end of the iterator takes in all of the records.
        """
        ...

    def heard(self, ends: Vector, at: int) -> None:
        """Kafka answered at this moment, UTC microseconds, and its partitions ended there."""
        ...
