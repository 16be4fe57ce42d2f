"""Touches and the path that leads to an order."""

from collections.abc import Iterable
from typing import NamedTuple

DIRECT = "direct"
"""The source of an order that no touch led to."""
LONGEST_NAME = 200
"""Characters by which sources, reasons and categories are told apart: an index cannot hold any length."""
_SAME_AS_DIRECT = frozenset({DIRECT, "(direct)", "none", "(none)"})
MICROS = 1_000_000
"""The whole, in micro-shares; also microseconds in a second."""


class Touch(NamedTuple):
    """A click that says where its visit came from. `occurred_at` in UTC microseconds."""

    occurred_at: int
    event_id: str
    visitor_id: str
    source: str
    medium: str | None = None
    campaign: str | None = None

    @property
    def is_direct(self) -> bool:
        """Whether the visit came from nowhere that could be named."""
        return self.source.lower() in _SAME_AS_DIRECT


class Path(NamedTuple):
    """What led to an order: its touches, oldest first; `ordered_at` in UTC microseconds.

    `look_back_seconds`: how far back touches were looked for; null when nobody says.
    """

    ordered_at: int
    touches: tuple[Touch, ...]
    look_back_seconds: int | None = None


def path_to(ordered_at: int, touches: Iterable[Touch], *, look_back_seconds: int) -> Path:
    """The path of an order: touches in [ordered_at - look-back, ordered_at] by time, then event id.

    A touch that is given twice counts once.
    """
    since = ordered_at - look_back_seconds * MICROS
    within = {
        (touch.visitor_id, touch.event_id): touch
        for touch in touches
        if since <= touch.occurred_at <= ordered_at
    }
    ordered = sorted(within.values(), key=lambda touch: (touch.occurred_at, touch.event_id, touch.visitor_id))
    return Path(ordered_at, tuple(ordered), look_back_seconds)
