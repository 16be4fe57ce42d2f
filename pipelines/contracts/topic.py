"""What a Kafka topic carries: its record's fields and the silver table they become."""

from dataclasses import dataclass

from pipelines.contracts.fields import Field

PROPERTIES = "properties"
LINES = "lines"
VALID_FROM = "valid_from"
"""The column that `occurred_at` of a versioned record becomes."""


@dataclass(frozen=True, eq=False)
class TopicSpec:
    """One input topic and its record.

    `key` is the field whose value is the Kafka key. `lines` are the fields of the elements of the
    record's `lines` array, one silver row each. A `compacted` topic keeps the latest record of each
    key, and a record without value there is a tombstone. Unknown fields are kept in `properties`.
    `links`: whether a record that names a visitor and a user says that they belong together.
    There is one spec a topic, so specs are compared as objects: hashing all fields took longer than
    reading a record.
    """

    name: str
    table: str
    grain: str
    key: str
    fields: tuple[Field, ...]
    lines: tuple[Field, ...] = ()
    compacted: bool = False
    links: bool = True

    @property
    def time_column(self) -> str:
        """The silver column that holds the record's own time."""
        return VALID_FROM if self.compacted else "occurred_at"
