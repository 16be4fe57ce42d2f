"""The protocol of a translator: messages of a bound topic become canonical records."""

from collections.abc import Sequence
from typing import Protocol

from pipelines.contracts.parsing import Reject

Translated = list[tuple[str, bytes, str | None]]
"""Canonical records of one message: topic, JSON value, original arrival (ISO 8601) or none."""


class Translator(Protocol):
    """Translates a batch of message values; must be picklable, it runs in Spark's workers."""

    def __call__(self, values: Sequence[bytes | None]) -> Sequence[Translated | Reject]:
        """One outcome a value, in order; a message that gives no record is a Reject `unmapped`."""
        ...
